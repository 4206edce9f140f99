#include "uring/poll.h"

#include <string>
#include <utility>

namespace uring {
namespace {

class PollOperation final : public ResultOperation {
 public:
  PollOperation(Ref<RingCore> ring, Ref<Descriptor> descriptor, unsigned events)
      : ResultOperation(std::move(ring), Result::kNumber),
        descriptor_(std::move(descriptor)),
        events_(events) {}

  std::string describe() const override { return "poll " + descriptor_->name(); }
  size_t pinned_bytes() const override { return 0; }

 private:
  void prepare() override { io_uring_prep_poll_add(&blank_sqe(), descriptor_->fd(), events_); }

  Ref<Descriptor> descriptor_;
  unsigned events_;
};

}  // namespace

PollAwaiter::PollAwaiter(Ref<RingCore> ring, Ref<Descriptor> descriptor, unsigned events)
    : ResultAwaiter(Ref<ResultOperation>(new PollOperation(std::move(ring), descriptor, events))),
      descriptor_(std::move(descriptor)) {}

absl::StatusOr<int> PollAwaiter::await_resume() { return result("poll", descriptor_->name()); }

PollAwaiter poll(Ring& ring, Ref<Descriptor> descriptor, unsigned events) {
  return PollAwaiter(Ref<RingCore>(&ring.core()), std::move(descriptor), events);
}

}  // namespace uring
