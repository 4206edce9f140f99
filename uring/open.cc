#include "uring/open.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "uring/operation.h"
#include "uring/status.h"
#include "uring/waiter.h"

namespace uring {
namespace internal {

class OpenOperation final : public Operation {
 public:
  OpenOperation(Ref<RingCore> ring, std::string path, int flags, mode_t mode)
      : ring_(std::move(ring)), path_(std::move(path)), flags_(flags), mode_(mode) {}
  ~OpenOperation() override {
    if (result_ >= 0) ::close(result_);
  }

  void start(std::coroutine_handle<> waiting) {
    waiter_.set_handle(waiting);
    io_uring_prep_openat(&sqe(), AT_FDCWD, path_.c_str(), flags_, mode_);
    ring_->start(*this);
  }

  // What the open came to; a descriptor in it is the caller's.
  int take_result() { return std::exchange(result_, -ECANCELED); }
  void let_go() {
    waiter_.unlink();
    ring_->abandon(*this);
  }

  std::string describe() const override { return "open " + path_; }
  size_t pinned_bytes() const override { return path_.size() + 1; }

 private:
  void completed(int32_t result, uint32_t /*flags*/, bool /*terminal*/) override {
    if (result == -EINTR && !orphaned()) return ring_->start(*this);
    result_ = result;  // an orphan's descriptor is closed by the destructor, which follows
    if (!orphaned()) ring_->make_ready(waiter_);
  }
  void stranded() override {
    if (!orphaned()) ring_->make_ready(waiter_);
  }

  Ref<RingCore> ring_;
  std::string path_;
  int flags_;
  mode_t mode_;
  int result_ = -ECANCELED;
  Waiter waiter_;
};

}  // namespace internal

OpenAwaiter::OpenAwaiter(Ring& ring, std::string path, int flags, mode_t mode)
    : ring_(&ring.core()), path_(std::move(path)), flags_(flags | O_CLOEXEC), mode_(mode) {}

// Here, where an OpenOperation is known.
OpenAwaiter::OpenAwaiter(OpenAwaiter&& other) noexcept = default;

OpenAwaiter::~OpenAwaiter() {
  if (operation_) operation_->let_go();
}

bool OpenAwaiter::await_suspend(std::coroutine_handle<> waiting) {
  if (!ring_->status().ok()) return false;
  operation_ = make_ref<internal::OpenOperation>(ring_, path_, flags_, mode_);
  operation_->start(waiting);
  return true;
}

absl::StatusOr<Ref<Descriptor>> OpenAwaiter::await_resume() {
  int result = operation_ ? operation_->take_result() : -ECANCELED;
  if (result >= 0)
    return make_ref<Descriptor>(result, Descriptor::Ownership::kOwned, std::move(path_));
  if (!ring_->status().ok()) return annotate(ring_->status(), "open " + path_);
  return errno_status(-result, "open", path_);
}

OpenAwaiter open_file(Ring& ring, std::string_view path, int flags, mode_t mode) {
  return OpenAwaiter(ring, std::string(path), flags, mode);
}

}  // namespace uring
