#include "bufio/sink.h"

#include <coroutine>
#include <utility>

#include "uring/check.h"
#include "uring/status.h"

namespace bufio {
namespace {

class CustomSink final : public WriterState, private uring::TaskObserver {
 public:
  CustomSink(uring::Ref<uring::RingCore> ring, std::unique_ptr<Sink> sink, WriterOptions options)
      : WriterState(std::move(ring), 0, std::move(options)), sink_(std::move(sink)) {}

  std::string_view name() const override { return sink_->name(); }
  void retire() override {
    task_.reset();
    lent_ = {};
  }

 private:
  void send() override {
    if (!ending_) ended_task_.reset();
    lent_ = mutable_queue().front();
    task_ = sink_->write(std::span<const char>(lent_.data, lent_.size));
    if (task_.start(*this)) take();
  }

  void take() {
    absl::StatusOr<size_t> count = task_.result();
    // A task that is just telling us of its end must not be destroyed before it has done so.
    if (ending_) ended_task_ = std::move(task_);
    task_.reset();
    size_t lent = std::exchange(lent_, {}).size;
    if (!count.ok()) return fail(uring::annotate(count.status(), where()));
    URING_CHECK(*count > 0 && *count <= lent,
                "a Sink says that it took nothing, or more than it was lent");
    wrote(*count);
  }

  std::coroutine_handle<> task_ended() noexcept override {
    ending_ = true;
    take();
    ending_ = false;
    return std::noop_coroutine();
  }

  std::unique_ptr<Sink> sink_;
  uring::Piece lent_;
  bool ending_ = false;  // within task_ended()
  uring::Task<absl::StatusOr<size_t>> task_;
  uring::Task<absl::StatusOr<size_t>> ended_task_;
};

}  // namespace

Writer write_to_sink(uring::Ring& ring, std::unique_ptr<Sink> sink, WriterOptions options) {
  return Writer(uring::make_ref<CustomSink>(uring::Ref<uring::RingCore>(&ring.core()),
                                            std::move(sink), std::move(options)));
}

Writer write_to_sink(std::unique_ptr<Sink> sink, WriterOptions options) {
  return Writer(uring::make_ref<CustomSink>(nullptr, std::move(sink), std::move(options)));
}

}  // namespace bufio
