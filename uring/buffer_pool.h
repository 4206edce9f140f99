// uring/buffer_pool.h
//
// A number of buffers that many streams share.
//
//   uring::BufferPool pool(ring, {.buffers = 16, .buffer_size = 4096});
//   absl::StatusOr<uring::PooledBuffer> bytes = co_await pool.recv(socket);
//   if (!bytes.ok()) co_return bytes.status();
//   if (bytes->empty()) break;               // the end of the stream, and nothing else
//   parse(bytes->view());                    // back in the pool when `bytes` is destroyed
//
// A thousand streams that are silent need no buffer: one is taken when there is something to read.
// Memory is allocated once, at most an eighth more than buffers * buffer_size (and a few cache
// lines a buffer). Readers run on a pool by ReaderOptions::pool.
//
// Empty pools. Whoever needs a buffer when there is none waits in line, first come, first served,
// without system calls; a buffer that comes back goes to the front of the line, and to nobody else.
// Being out of buffers is never an error. It is back-pressure: those who keep buffers stop the
// others. A coroutine that keeps all of them (all but those that are lent to the kernel, at most
// half, once a socket has been read) and waits for one more waits for itself; when nothing else is
// under way the Ring reports that as a checked failure instead of sleeping for ever. Where that is
// not wanted PoolOptions::extra_buffers, which are made before anybody waits, give way.
//
// Ownership. The handle, each PooledBuffer, each Reader on the pool and each request in flight
// share the pool's memory; they may die in any order, the Ring included. A Ring that leaks requests
// (RingOptions::drain_timeout) leaks the pool's memory with them.
//
// Cancelling. Destroying the awaiter in line gives up the place. Destroying it with the read in
// flight orphans the read; its buffer returns to the pool with the terminal completion, and bytes
// that a stream gave to it are lost. Where that matters use a Reader, which loses none.
//
// Belongs to its Ring's thread.

#ifndef URING_BUFFER_POOL_H_
#define URING_BUFFER_POOL_H_

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/pool_core.h"
#include "uring/pool_options.h"
#include "uring/pooled_buffer.h"
#include "uring/pooled_read.h"
#include "uring/read_operation.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/waiter.h"

namespace uring {

// Awaited: a buffer with what was read.
class [[nodiscard]] PooledReadAwaiter final : private PooledRead::Observer {
 public:
  PooledReadAwaiter(Ref<PoolCore> pool, Ref<Descriptor> descriptor, ReadKind kind,
                    uint64_t position);
  // Only before it is awaited.
  PooledReadAwaiter(PooledReadAwaiter&& other) noexcept;
  ~PooledReadAwaiter();

  bool await_ready() const { return false; }
  bool await_suspend(std::coroutine_handle<> waiting);
  absl::StatusOr<PooledBuffer> await_resume();

 private:
  void read_completed(PooledRead& read) override;
  void read_stranded(PooledRead& read) override;

  Ref<PoolCore> pool_;
  Ref<Descriptor> descriptor_;
  Ref<PooledRead> read_;
  uint64_t position_;
  ReadKind kind_;
  Waiter waiter_;
};

// Awaited: an empty buffer to fill.
class [[nodiscard]] AcquireAwaiter final : private BufferWaiter {
 public:
  explicit AcquireAwaiter(Ref<PoolCore> pool);
  // Only before it is awaited.
  AcquireAwaiter(AcquireAwaiter&& other) noexcept;

  bool await_ready();
  bool await_suspend(std::coroutine_handle<> waiting);
  absl::StatusOr<PooledBuffer> await_resume();

 private:
  void granted(Ref<Buffer> buffer) override;

  Ref<PoolCore> pool_;
  Ref<Buffer> buffer_;
  Waiter waiter_;
};

class BufferPool {
 public:
  // Allocates and registers. A few system calls. Out of memory ends the process.
  explicit BufferPool(Ring& ring, PoolOptions options = {});
  BufferPool(BufferPool&& other) noexcept = default;
  BufferPool& operator=(BufferPool&& other) noexcept = default;
  ~BufferPool() = default;

  // The next bytes of a descriptor, at most a buffer full: of a file or block device at `offset`;
  // of a pipe, terminal or the like; of a socket. The descriptor must be readable.
  //
  //   OK                  1 byte or more; none at the end of the stream
  //   a kernel error      with errno kept (uring::errno_of) and the descriptor named
  //   FailedPrecondition  the Ring was destroyed
  //   cost                one to three requests, no allocation in steady state
  PooledReadAwaiter read_at(Ref<Descriptor> file, uint64_t offset) {
    return PooledReadAwaiter(core_, std::move(file), ReadKind::kPositional, offset);
  }
  PooledReadAwaiter read(Ref<Descriptor> stream) {
    return PooledReadAwaiter(core_, std::move(stream), ReadKind::kStream, 0);
  }
  PooledReadAwaiter recv(Ref<Descriptor> socket) {
    return PooledReadAwaiter(core_, std::move(socket), ReadKind::kSocket, 0);
  }

  // An empty buffer to fill; waits in line. FailedPrecondition when the Ring was destroyed.
  AcquireAwaiter acquire() { return AcquireAwaiter(core_); }
  // The same at once, or nothing: when there is none, or others wait.
  std::optional<PooledBuffer> try_acquire();

  PoolStats stats() const { return core_->stats(); }

  // For Readers and requests.
  const Ref<PoolCore>& core() const { return core_; }

 private:
  friend BufferPool receive_pool(Ring& ring);
  explicit BufferPool(Ref<PoolCore> core) : core_(std::move(core)) {}

  Ref<PoolCore> core_;
};

// The pool that belongs to the Ring (RingOptions::receive_pool), and that socket Readers share if
// they are told to. The first call, or the first such Reader, makes it.
BufferPool receive_pool(Ring& ring);

}  // namespace uring

#endif  // URING_BUFFER_POOL_H_
