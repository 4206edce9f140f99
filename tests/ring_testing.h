// tests/ring_testing.h
//
// What tests of the Ring need: requests that note what became of them, pipes, and turns that are
// counted.

#ifndef TESTS_RING_TESTING_H_
#define TESTS_RING_TESTING_H_

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <coroutine>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "uring/buffer.h"
#include "uring/descriptor.h"
#include "uring/operation.h"
#include "uring/read_operation.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/waiter.h"

namespace uring::testing {

// Turns the loop until `done()`, at most `limit` times; whether it came to that.
template <class Done>
bool turn_until(Ring& ring, Done done, int limit = 1000) {
  for (int turn = 0; !done(); ++turn) {
    if (turn == limit) return false;
    ring.core().turn();
  }
  return true;
}

// A Ring's memory counts against RLIMIT_MEMLOCK until some time after its end, so tests, which make
// many, make small ones.
inline RingOptions modest_options() {
  RingOptions options;
  options.completion_entries = 2048;
  return options;
}

// Both ends are closed in the end, unless they were given away.
class Pipe {
 public:
  explicit Pipe(int flags = 0) {
    int ends[2];
    if (pipe2(ends, flags | O_CLOEXEC) != 0) {
      std::perror("pipe2");
      std::abort();
    }
    reader_ = ends[0];
    writer_ = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_writer();
    if (reader_ >= 0) ::close(reader_);
  }

  int reader() const { return reader_; }
  int writer() const { return writer_; }
  // The reading end as requests share it; the last share closes it.
  Ref<Descriptor> take_reader(std::string name = "") {
    return make_ref<Descriptor>(std::exchange(reader_, -1), Descriptor::Ownership::kOwned,
                                std::move(name));
  }
  Ref<Descriptor> borrow_reader() const {
    return make_ref<Descriptor>(reader_, Descriptor::Ownership::kBorrowed);
  }
  bool write(std::string_view text) const {
    return ::write(writer_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  void close_writer() {
    if (writer_ >= 0) ::close(std::exchange(writer_, -1));
  }

 private:
  int reader_;
  int writer_;
};

// A file of the test's own, gone in the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view contents) {
    const char* folder = std::getenv("TEST_TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/uring-test-XXXXXX";
    fd_ = mkostemp(path_.data(), O_CLOEXEC);
    if (fd_ < 0 ||
        ::write(fd_, contents.data(), contents.size()) != static_cast<ssize_t>(contents.size())) {
      std::perror(path_.c_str());
      std::abort();
    }
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  int fd() const { return fd_; }
  const std::string& path() const { return path_; }
  Ref<Descriptor> borrow() const {
    return make_ref<Descriptor>(fd_, Descriptor::Ownership::kBorrowed, path_);
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// How many descriptors this process has open.
inline int open_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) std::abort();
  int count = 0;
  while (readdir(folder) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe)
  closedir(folder);
  return count;
}

// A request that the test fills in, with a few bytes of its own for the kernel to write to. Counts
// what becomes of it; may be awaited.
class Request final : public Operation {
 public:
  explicit Request(Ring& ring, std::string name = "request")
      : ring_(&ring.core()), name_(std::move(name)) {}
  ~Request() override {
    if (living_ != nullptr) --*living_;
  }

  // --- one of these, then start()
  io_uring_sqe& blank_entry() { return blank_sqe(); }
  // To change what one of the others has filled in.
  io_uring_sqe& entry() { return const_cast<io_uring_sqe&>(sqe()); }
  Request& nop() {
    io_uring_prep_nop(&blank_sqe());
    return *this;
  }
  Request& read(int fd, unsigned length = sizeof bytes_) {
    io_uring_prep_read(&blank_sqe(), fd, bytes_, length, static_cast<__u64>(-1));
    return *this;
  }
  // Notes itself in `log` when it is completed.
  Request& note_in(std::vector<const Request*>& log) {
    log_ = &log;
    return *this;
  }
  // Counts itself in `living` while it exists.
  Request& count_in(int& living) {
    living_ = &living;
    ++living;
    return *this;
  }
  using Operation::expect_inline_completion;
  void start() { ring_->start(*this); }
  void cancel() { ring_->cancel(*this); }
  void abandon() { ring_->abandon(*this); }

  int completions() const { return completions_; }
  int strandings() const { return strandings_; }
  int32_t result() const { return result_; }
  std::string_view text() const {
    return {bytes_, result_ > 0 ? static_cast<size_t>(result_) : size_t{0}};
  }

  std::string describe() const override { return name_; }
  size_t pinned_bytes() const override { return sizeof bytes_; }

  // Waits for the completion of a request that was started; lets go of it if destroyed earlier.
  class Awaiter {
   public:
    explicit Awaiter(Ref<Request> request) : request_(std::move(request)) {}
    Awaiter(Awaiter&& other) noexcept = default;
    ~Awaiter() {
      if (!request_) return;
      request_->waiter_.unlink();
      request_->waiter_.set_handle(nullptr);
      request_->abandon();
    }
    bool await_ready() const { return request_->idle(); }
    void await_suspend(std::coroutine_handle<> waiting) { request_->waiter_.set_handle(waiting); }
    int32_t await_resume() const { return request_->result_; }

   private:
    Ref<Request> request_;
  };

 private:
  void completed(int32_t result, uint32_t /*flags*/, bool /*terminal*/) override {
    ++completions_;
    result_ = result;
    if (log_ != nullptr) log_->push_back(this);
    if (waiter_.handle() != nullptr) ring_->make_ready(waiter_);
  }
  void stranded() override {
    ++strandings_;
    if (waiter_.handle() != nullptr) ring_->make_ready(waiter_);
  }

  Ref<RingCore> ring_;
  std::string name_;
  char bytes_[64] = {};
  int32_t result_ = 0;
  int completions_ = 0;
  int strandings_ = 0;
  int* living_ = nullptr;
  std::vector<const Request*>* log_ = nullptr;
  Waiter waiter_;
};

inline Request::Awaiter finish(Ref<Request> request) {
  return Request::Awaiter(std::move(request));
}

// A ReadOperation with a buffer of its own, and what it told.
class Reading final : public ReadOperation::Observer {
 public:
  Reading(Ring& ring, Ref<Descriptor> descriptor, ReadKind kind, size_t size = 4096,
          BufferKind buffer = BufferKind::kHeap)
      : buffer_(ring.core().buffers().allocate(size, buffer)),
        operation_(make_ref<ReadOperation>(Ref<RingCore>(&ring.core()), std::move(descriptor), kind,
                                           *this)) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() {
    if (operation_) let_go();
  }

  void start(uint64_t position = 0, bool offload = false) {
    start_of(buffer_->size(), position, offload);
  }
  void start_of(size_t length, uint64_t position = 0, bool offload = false) {
    ++started_;
    operation_->read({buffer_, 0, length, position}, offload, false);
  }
  // Gives up the operation, the buffer and the descriptor.
  void let_go() {
    operation_->let_go();
    operation_.reset();
    buffer_.reset();
  }

  bool done() const { return completed_ == started_; }
  int completed() const { return completed_; }
  int stranded() const { return stranded_; }
  int32_t result() const { return operation_->result(); }
  std::string_view text() const {
    return {buffer_->data(), result() > 0 ? static_cast<size_t>(result()) : size_t{0}};
  }
  Buffer& buffer() const { return *buffer_; }
  ReadOperation& operation() const { return *operation_; }

 private:
  void read_completed(ReadOperation&) override { ++completed_; }
  void read_stranded(ReadOperation&) override { ++stranded_; }

  Ref<Buffer> buffer_;
  Ref<ReadOperation> operation_;
  int started_ = 0;
  int completed_ = 0;
  int stranded_ = 0;
};

}  // namespace uring::testing

#endif  // TESTS_RING_TESTING_H_
