// tests/ownership/owned_testing.h
//
// What tests of owned buffers need: a buffer type of their own whose memory is watched, pipes and
// sockets as Files, and calls whose outcome is kept.

#ifndef TESTS_OWNERSHIP_OWNED_TESTING_H_
#define TESTS_OWNERSHIP_OWNED_TESTING_H_

#include <sys/socket.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/coroutine_testing.h"
#include "tests/guard_memory.h"
#include "tests/ring_fixture.h"
#include "uring/as_task.h"
#include "uring/file.h"
#include "uring/owned_buffer.h"
#include "uring/task.h"

namespace uring::testing {

// A user's own OwnedBuffer, whose memory is from wherever the test wants, GuardMemory say: there a
// kernel that writes to a buffer after its end faults, which RingTest counts.
class ResourceBuffer {
 public:
  ResourceBuffer() = default;
  explicit ResourceBuffer(std::pmr::memory_resource& memory, size_t capacity, size_t size = 0)
      : memory_(&memory),
        data_(static_cast<char*>(memory.allocate(capacity))),
        capacity_(capacity),
        size_(size) {}
  ResourceBuffer(ResourceBuffer&& other) noexcept { swap(other); }
  ResourceBuffer& operator=(ResourceBuffer&& other) noexcept {
    ResourceBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~ResourceBuffer() {
    if (data_ != nullptr) memory_->deallocate(data_, capacity_);
  }

  std::string_view view() const { return {data_, size_}; }
  bool empty() const { return data_ == nullptr; }

 private:
  friend OwnedBufferTraits<ResourceBuffer>;
  void swap(ResourceBuffer& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    std::swap(size_, other.size_);
  }

  std::pmr::memory_resource* memory_ = nullptr;
  char* data_ = nullptr;
  size_t capacity_ = 0;
  size_t size_ = 0;
};

}  // namespace uring::testing

template <>
struct uring::OwnedBufferTraits<uring::testing::ResourceBuffer> {
  static char* data(testing::ResourceBuffer& buffer) { return buffer.data_; }
  static size_t size(const testing::ResourceBuffer& buffer) { return buffer.size_; }
  static size_t capacity(const testing::ResourceBuffer& buffer) { return buffer.capacity_; }
  static void set_size(testing::ResourceBuffer& buffer, size_t size) { buffer.size_ = size; }
};

namespace uring::testing {

// Two connected stream sockets; what was not taken is closed in the end.
class SocketPair {
 public:
  explicit SocketPair(int flags = 0) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends_) != 0) std::abort();
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    close_end(0);
    close_end(1);
  }

  int end(int which) const { return ends_[which]; }
  void close_end(int which) {
    if (ends_[which] >= 0) ::close(std::exchange(ends_[which], -1));
  }
  Ref<Descriptor> take(int which) { return make_ref<Descriptor>(std::exchange(ends_[which], -1)); }

 private:
  int ends_[2];
};

// Awaits `call`, which must outlive it, and keeps what it comes to.
template <class Call, class Result>
Task<> keep_result(Call& call, std::optional<Result>& result) {
  result.emplace(co_await call);
}

// A call under way, with a coroutine of its own that waits for it.
template <class Call>
class Waiting {
 public:
  using Result = internal::AwaitedBy<Call&>;

  explicit Waiting(Call call) : call_(std::move(call)), task_(keep_result(*call_, result_)) {
    root_.start(task_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool over() const { return result_.has_value(); }
  // Once it is over.
  Result& operator*() { return *result_; }
  Result* operator->() { return &*result_; }

  Call& call() { return *call_; }
  // What a timeout does to a call: the coroutine that waits is destroyed, and the call with it.
  void destroy() {
    task_.reset();
    call_.reset();
  }
  bool finish(Ring& ring) {
    return turn_until(ring, [&] { return over(); });
  }

 private:
  std::optional<Call> call_;
  std::optional<Result> result_;
  Root root_;
  Task<> task_;
};

class OwnedTest : public RingTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(make_ring()); }

  File borrow(int fd, std::string name = "") { return File::borrow(ring(), fd, std::move(name)); }
  // Has the next requests answered with these results instead of their own; 1 is their own.
  void answer(std::vector<int> results) {
    kernel().alter_completion = [results = std::move(results),
                                 next = size_t{0}](io_uring_cqe& completion) mutable {
      const bool request = (completion.user_data & 1) == 0;
      if (request && next < results.size()) {
        const int result = results[next++];
        if (result != 1) completion.res = result;
      }
    };
  }
  // How many requests took a submission entry since the last call.
  uint64_t sent() {
    const uint64_t now = ring().stats().submitted;
    return now - std::exchange(sent_before_, now);
  }
  bool finish_orphans() {
    return turn_until(ring(), [&] { return !any_in_flight(ring()); });
  }

 private:
  uint64_t sent_before_ = 0;
};

// The same, with buffers of guarded memory, none of which may be left in the end.
class GuardedOwnedTest : public OwnedTest {
 protected:
  // Its memory, once freed, cannot be written to.
  GuardMemory& memory() { return memory_; }
  ResourceBuffer buffer(size_t size = 64) { return ResourceBuffer(memory_, size); }
  bool all_freed() const { return memory_.retired() == memory_.allocated(); }

  void TearDown() override {
    OwnedTest::TearDown();
    EXPECT_TRUE(all_freed()) << "leaked";
  }

 private:
  GuardMemory memory_;
};

// What stands in a descriptor's file.
inline std::string contents(int fd) {
  std::string bytes(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
  if (pread(fd, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
  return bytes;
}

// Other bytes at each offset.
inline std::string pattern(size_t size, size_t from = 0) {
  std::string bytes;
  bytes.reserve(size);
  for (size_t i = from; i < from + size; ++i)
    bytes += static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return bytes;
}

}  // namespace uring::testing

#endif  // TESTS_OWNERSHIP_OWNED_TESTING_H_
