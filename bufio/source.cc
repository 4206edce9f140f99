#include "bufio/source.h"

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <utility>

#include "uring/status.h"
#include "uring/time.h"
#include "uring/timer_queue.h"

namespace bufio {
namespace {

class CustomSource final : public ReaderState, private uring::TaskObserver, private uring::Timer {
 public:
  CustomSource(uring::Ref<uring::RingCore> ring, std::unique_ptr<Source> source,
               const ReaderOptions& options)
      : ReaderState(std::move(ring), options),
        source_(std::move(source)),
        read_size_(options.read_size != 0 ? options.read_size : kReadSize) {}

  std::string_view name() const override { return source_->name(); }
  // A read that has begun ends when it ends; until then it is part of the stream.
  bool quiesce() override { return !reading_ || task_.ended(); }
  void collect() override {
    if (reading_) take();
  }
  void retire() override {
    task_.reset();
    reading_ = false;
  }

 private:
  static constexpr size_t kReadSize = size_t{64} << 10;
  // A source that is always ready must not keep all others waiting: after so many reads in a turn
  // of the loop whoever reads waits for the next one.
  static constexpr int kReadsInATurn = 16;

  Supply supply() override {
    if (!ending_) ended_task_.reset();
    if (!reading_) {
      if (!may_read_in_this_turn()) return Supply::kLater;
      size_t wanted = std::min(read_size_, buffer_limit() - window().available());
      target_ = window().prepare(buffers(), BufferKind::kHeap, uring::Pages::kOrdinary, wanted,
                                 std::min(last_read_, wanted));
      reading_ = true;
      task_ =
          source_->read(std::span<char>(target_.buffer->data() + target_.offset, target_.length));
      static_cast<void>(task_.start(*this));
    }
    if (!task_.ended()) {
      if (ring() == nullptr || ring()->status().ok()) return Supply::kLater;
      set_error(uring::annotate(ring()->status(), where()));
      return Supply::kMore;
    }
    take();
    return Supply::kMore;
  }

  bool may_read_in_this_turn() {
    if (ring() == nullptr || !ring()->status().ok()) return true;
    if (turn_ != ring()->turn_count()) {
      turn_ = ring()->turn_count();
      reads_in_turn_ = 0;
    }
    if (++reads_in_turn_ <= kReadsInATurn) return true;
    ring()->timers().schedule(*this, uring::TimePoint::min());
    return false;
  }
  void expired() override { progress(); }

  void take() {
    reading_ = false;
    absl::StatusOr<size_t> count = task_.result();
    // A task that is just telling us of its end must not be destroyed before it has done so.
    if (ending_ && !ended_task_) ended_task_ = std::move(task_);
    task_.reset();
    if (!count.ok()) {
      set_error(uring::annotate(count.status(), where()));
    } else if (*count == 0) {
      set_ended(true);
    } else {
      URING_CHECK(*count <= target_.length, "a Source says that it wrote more than it was lent");
      last_read_ = *count;
      window().append(target_.buffer, target_.offset, *count, buffers());
    }
    target_ = {};
  }

  std::coroutine_handle<> task_ended() noexcept override {
    ending_ = true;
    progress();
    ending_ = false;
    return std::noop_coroutine();
  }

  std::unique_ptr<Source> source_;
  size_t read_size_;
  size_t last_read_ = 0;
  uint64_t turn_ = 0;  // of the last read
  int reads_in_turn_ = 0;
  bool reading_ = false;  // a read has begun, and its bytes are not in the window yet
  bool ending_ = false;   // within task_ended()
  Window::Target target_;
  uring::Task<absl::StatusOr<size_t>> task_;
  uring::Task<absl::StatusOr<size_t>> ended_task_;
};

}  // namespace

Reader read_source(uring::Ring& ring, std::unique_ptr<Source> source, ReaderOptions options) {
  return Reader(uring::make_ref<CustomSource>(uring::Ref<uring::RingCore>(&ring.core()),
                                              std::move(source), options));
}

Reader read_source(std::unique_ptr<Source> source, ReaderOptions options) {
  return Reader(uring::make_ref<CustomSource>(nullptr, std::move(source), options));
}

}  // namespace bufio
