// uring/file.h
//
// A file, pipe, terminal or socket for requests that name it one by one: read_owned and its kin.
//
//   absl::StatusOr<uring::File> file = co_await uring::File::open(ring, "log.txt");
//   if (!file.ok()) co_return file.status();
//
// A light handle: one share in the Ring's core, one in the descriptor. Copies are shares in the
// same descriptor, which is closed when the last share goes, those of requests in flight included;
// so a File may be destroyed, and the Ring too, at any time. Belongs to its Ring's thread. (To read
// a stream of bytes, lines or frames, use bufio::Reader.)

#ifndef URING_FILE_H_
#define URING_FILE_H_

#include <fcntl.h>

#include <coroutine>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/open.h"
#include "uring/owned_fd.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/ring_core.h"

namespace uring {

// Where in a file a request reads or writes: at a number of bytes from its start, or where the
// descriptor stands. Several requests in flight at the descriptor's own position have no order.
class FileOffset {
 public:
  constexpr FileOffset(uint64_t from_start) : value_(from_start) {}  // NOLINT: a number is one

  // As submission entries have it.
  constexpr uint64_t value() const { return value_; }
  constexpr bool is_current() const { return value_ == UINT64_MAX; }
  // `bytes` further on; the descriptor moves its own position by itself.
  constexpr FileOffset plus(uint64_t bytes) const {
    return is_current() ? *this : FileOffset(value_ + bytes);
  }

 private:
  uint64_t value_;
};

// The descriptor's own position, which the request moves. Pipes, terminals and sockets have no
// other, and take any offset for this.
inline constexpr FileOffset kCurrentPosition = FileOffset(UINT64_MAX);

class FileOpening;

class File {
 public:
  // Opens `path` as open(2) does; O_CLOEXEC is added, the path is copied. Outcomes, cost and
  // cancelling as in open_file (open.h).
  static FileOpening open(Ring& ring, std::string_view path, int flags = O_RDONLY,
                          mode_t mode = 0666);
  // Takes over what `fd` owns; it must own something.
  static File adopt(Ring& ring, OwnedFd fd);
  // Uses `fd`, which the caller keeps open until the last request that names it has ended (until
  // Ring::orphans() is empty, if one was cancelled), and closes. `name` is what errors call it,
  // "fd N" if it is empty.
  static File borrow(Ring& ring, int fd, std::string name = "");

  // A share in a descriptor, such as open_file gives. One system call (fstat), to know sockets.
  File(Ring& ring, Ref<Descriptor> descriptor) : File(Ref(&ring.core()), std::move(descriptor)) {}
  File(Ref<RingCore> ring, Ref<Descriptor> descriptor);

  int fd() const { return descriptor_->fd(); }
  // A path, or "fd N".
  const std::string& name() const { return descriptor_->name(); }
  bool is_socket() const { return socket_; }

  // For operations. Null once the File was moved from.
  const Ref<RingCore>& ring() const { return ring_; }
  const Ref<Descriptor>& descriptor() const { return descriptor_; }

 private:
  Ref<RingCore> ring_;
  Ref<Descriptor> descriptor_;
  bool socket_;
};

// Awaited: the File, or the error with path and errno.
class [[nodiscard]] FileOpening {
 public:
  FileOpening(Ring& ring, std::string path, int flags, mode_t mode)
      : ring_(&ring.core()), opening_(ring, std::move(path), flags, mode) {}

  bool await_ready() const { return opening_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return opening_.await_suspend(waiting); }
  absl::StatusOr<File> await_resume();

 private:
  Ref<RingCore> ring_;
  OpenAwaiter opening_;
};

}  // namespace uring

#endif  // URING_FILE_H_
