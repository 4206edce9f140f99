#include "uring/scope.h"

#include <cstdint>
#include <type_traits>
#include <utility>

#include "uring/check.h"
#include "uring/detached.h"

namespace uring {

// The coroutine around a child.
class Scope::Child {
 public:
  class promise_type final : public DetachedPromise {
   public:
    template <class T>
    promise_type(Scope& scope, Task<T>&)
        : DetachedPromise(std::coroutine_handle<promise_type>::from_promise(*this)), scope_(scope) {
      ++scope_.running_;
    }
    // At its end, or before.
    ~promise_type() { scope_.child_gone(); }

    Child get_return_object() noexcept { return Child(*this); }
    void unhandled_exception() const noexcept {
      scope_.child_failed(absl::OkStatus(), std::current_exception());
    }

   private:
    Scope& scope_;
  };

  template <class T>
  static Child run(Scope& scope, Task<T> task) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
    } else {
      absl::Status status = co_await std::move(task);
      if (!status.ok()) scope.child_failed(std::move(status), nullptr);
    }
  }

  promise_type& promise() const { return promise_; }

 private:
  explicit Child(promise_type& promise) : promise_(promise) {}

  promise_type& promise_;
};

Scope::Scope(Ring& ring, ScopeOptions options)
    : core_(&ring.core()),
      cancel_on_error_(options.cancel_on_error),
      max_running_(options.max_running == 0 ? SIZE_MAX : options.max_running) {
  core_->check_thread("Scope");
  cancelled_ = options.stop.stop_requested();
  if (cancelled_) {
    cut_short_ = true;
    return;
  }
  error_ = arm(*core_, std::move(options.stop));
  cancelled_ = !error_.ok();
  if (options.deadline != TimePoint::max()) core_->timers().schedule(deadline_, options.deadline);
}

Scope::~Scope() {
  cancelled_ = true;
  request_stop();
  // All of the cancels go out with the first wait.
  borrows_.for_each([](Borrow& borrow) { borrow.transfer_->cancel(); });
  children_.destroy_all();
  // Those of others than its children, who are resumed when the loop comes to them.
  borrows_.for_each([](Borrow& borrow) {
    borrow.settle();
    borrow.scope_ = nullptr;
  });
}

// --- children ------------------------------------------------------------------------------------

void Scope::spawn(Task<absl::Status> child) { start(std::move(child)); }
void Scope::spawn(Task<void> child) { start(std::move(child)); }

template <class T>
void Scope::start(Task<T> child) {
  core_->check_thread("Scope::spawn");
  if (cancelled_ || core_->closed()) {
    cut_short_ = true;
    return;
  }
  if (joiner_ != nullptr) joiner_->unlink();
  const bool begins = has_room();
  DetachedPromise& promise = Child::run(*this, std::move(child)).promise();
  children_.add(promise);
  if (begins) return core_->make_ready(promise.waiter());
  line_.push_back(promise.waiter());
  ++waiting_;
}

void Scope::child_failed(absl::Status status, std::exception_ptr exception) {
  if (error_.ok() && exception_ == nullptr) {
    error_ = std::move(status);
    exception_ = std::move(exception);
  }
  if (cancel_on_error_) cancel();
}

// One that waits in line takes the place of one that ended. Where nobody does (on a cancelled
// scope, for one), all who wait for room are told.
void Scope::child_gone() {
  --running_;
  if (Waiter* next = cancelled_ ? nullptr : line_.pop_front()) {
    --waiting_;
    core_->make_ready(*next);
  } else {
    while (Waiter* spawner = spawners_.pop_front()) core_->make_ready(*spawner);
  }
  wake_if_quiet();
}

Scope::Room Scope::room() { return Room(*this); }

absl::Status Scope::Room::await_resume() const {
  return scope_.cancelled_ ? scope_.why_cancelled() : absl::OkStatus();
}

void Scope::borrowed(Borrow& borrow) {
  if (joiner_ != nullptr) joiner_->unlink();
  borrows_.push_back(borrow);
}

void Scope::borrow_ended() {
  end_children_if_due();
  wake_if_quiet();
}

void Scope::wake_if_quiet() {
  if (joiner_ != nullptr && quiet()) core_->make_ready(*joiner_);
}

absl::Status Scope::outcome() {
  if (exception_ != nullptr) std::rethrow_exception(exception_);
  if (!error_.ok()) return error_;
  return cut_short_ ? why_cancelled() : absl::OkStatus();
}

// --- ending early --------------------------------------------------------------------------------

absl::Status Scope::why_cancelled() const {
  if (too_late_) return absl::DeadlineExceededError("the scope's deadline has passed");
  return absl::CancelledError("the scope was cancelled");
}

// Children that end by themselves now, for a stop token's sake, say nothing that counts any more.
void Scope::deadline_passed() {
  if (cancelled_) return;
  too_late_ = true;
  if (!quiet() && error_.ok() && exception_ == nullptr) error_ = why_cancelled();
  cancel();
}

void Scope::cancel() {
  if (cancelled_) return;
  core_->check_thread("Scope::cancel");
  cancelled_ = true;
  core_->timers().cancel(deadline_);
  request_stop();
  line_.clear();
  waiting_ = 0;
  borrows_.for_each([](Borrow& borrow) { borrow.transfer_->cancel(); });
  end_children_if_due();
}

// By the loop, since one of them may be who cancels; and only when nothing is borrowed any more,
// since destroying those who borrow would block.
void Scope::end_children_if_due() {
  if (cancelled_ && borrows_.empty() && running_ > 0) {
    core_->timers().schedule(*this, TimePoint::min());
  }
}

void Scope::expired() {
  cut_short_ |= running_ > 0;
  children_.destroy_all();
}

std::stop_token Scope::stop_token() {
  if (!stop_.stop_possible()) {
    stop_ = std::stop_source();
    if (cancelled_) stop_.request_stop();
  }
  return stop_.get_token();
}

void Scope::request_stop() { stop_.request_stop(); }

// --- borrowed memory -----------------------------------------------------------------------------

Borrow Scope::read(const File& file, std::span<char> into, FileOffset offset) {
  return Borrow(*this, file, {Transfer::Way::kRead, offset}, into.data(), into.size());
}

Borrow Scope::read_exact(const File& file, std::span<char> into, FileOffset offset) {
  const Transfer::Plan plan = {Transfer::Way::kRead, offset, true, into.size()};
  return Borrow(*this, file, plan, into.data(), into.size());
}

Borrow Scope::write(const File& file, std::string_view from, FileOffset offset) {
  return Borrow(*this, file, {Transfer::Way::kWrite, offset}, const_cast<char*>(from.data()),
                from.size());
}

Borrow Scope::write_all(const File& file, std::string_view from, FileOffset offset) {
  return Borrow(*this, file, {Transfer::Way::kWrite, offset, true}, const_cast<char*>(from.data()),
                from.size());
}

// --- join ----------------------------------------------------------------------------------------

Scope::Joining Scope::join() { return Joining(*this); }

Scope::Joining::~Joining() {
  if (scope_.joiner_ == &waiter_) scope_.joiner_ = nullptr;
}

void Scope::Joining::await_suspend(std::coroutine_handle<> parent) {
  URING_CHECK(scope_.joiner_ == nullptr, "a Scope is joined by two at once");
  waiter_.set_handle(parent);
  scope_.joiner_ = &waiter_;
}

absl::Status Scope::Joining::await_resume() {
  if (scope_.joiner_ == &waiter_) scope_.joiner_ = nullptr;
  return scope_.outcome();
}

}  // namespace uring
