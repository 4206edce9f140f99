#include "tests/simulate/pending_call.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "tests/simulate/unobserved.h"
#include "uring/sleep.h"
#include "uring/spawn.h"
#include "uring/status.h"
#include "uring/timeout.h"
#include "uring/when_any.h"

namespace bufio::simulate {

using uring::Task;

void PendingCall::start(uring::Ring* ring, Task<void> body, Choices& choices) {
  ++number_;
  race_over_ = false;
  const uint32_t how = choices.below(4);
  if (ring != nullptr && how >= 2) {
    world_.note(name_, how == 2 ? "   in a race" : "   within an hour");
    body = how == 2 ? in_a_race(*this, *ring, std::move(body))
                    : within_an_hour(*this, *ring, std::move(body));
  }
  task_ = std::move(body);
  static_cast<void>(task_.start(Unobserved::instance()));
}

void PendingCall::collect() {
  if (made() && task_.ended()) task_.reset();
}

void PendingCall::destroy(std::string_view how) {
  if (!made()) return;
  world_.note(name_, ": the call is ", uring::as_absl(how));
  const bool waited = waits();
  task_.reset();
  if (waited) cut_short_();
}

void PendingCall::destroy_from(uring::Ring& ring) {
  world_.note(name_, ": a coroutine is to kill the call");
  uring::spawn(ring, kill(*this, number_));
}

void PendingCall::end_race() {
  world_.note(name_, ": the race is over");
  race_over_ = true;
}

Task<void> PendingCall::referee(PendingCall& call, uring::Ring& ring) {
  while (!call.race_over_) co_await uring::yield(ring);
}

Task<void> PendingCall::in_a_race(PendingCall& call, uring::Ring& ring, Task<void> body) {
  auto first = co_await uring::when_any(std::move(body), referee(call, ring));
  if (first.index() == 1) call.cut_short_();
}

Task<void> PendingCall::within_an_hour(PendingCall& call, uring::Ring& ring, Task<void> body) {
  absl::Status status = co_await uring::with_timeout(ring, std::chrono::hours(1), std::move(body));
  if (!status.ok()) call.cut_short_();
}

Task<void> PendingCall::kill(PendingCall& call, uint64_t number) {
  if (call.number_ == number && call.waits()) call.destroy("killed by another coroutine");
  co_return;
}

}  // namespace bufio::simulate
