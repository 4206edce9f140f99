#include "tests/simulate/signal_actor.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace bufio::simulate {

using uring::Task;

namespace {

// Signals that nobody sends to this process, enough for all actors of a world.
constexpr std::array<int, 8> kSignals = {SIGUSR1, SIGUSR2, SIGURG, SIGWINCH,
                                         SIGIO,   SIGHUP,  SIGPWR, SIGVTALRM};
std::array<bool, kSignals.size()> in_use = {};

std::array<volatile sig_atomic_t, NSIG> delivered = {};
void count(int signal) {
  volatile sig_atomic_t& times = delivered[static_cast<size_t>(signal)];
  times = times + 1;
}

}  // namespace

SignalActor::SignalActor(World& world, std::string name) : world_(world), name_(std::move(name)) {
  set_ = static_cast<size_t>(std::find(in_use.begin(), in_use.end(), false) - in_use.begin());
  if (set_ == in_use.size()) std::abort();
  in_use[set_] = true;
  kinds_[0].number = kSignals[set_];
  kinds_[1].number = SIGRTMIN + static_cast<int>(set_);
  kinds_[1].queues = true;
  for (size_t i = 0; i < kinds_.size(); ++i) {
    struct sigaction action = {};
    action.sa_handler = count;
    sigaction(kinds_[i].number, &action, &before_[i]);
    delivered[static_cast<size_t>(kinds_[i].number)] = 0;
  }
}

SignalActor::~SignalActor() {
  let_go();
  for (size_t i = 0; i < kinds_.size(); ++i) sigaction(kinds_[i].number, &before_[i], nullptr);
  in_use[set_] = false;
}

void SignalActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, ": ", uring::as_absl(what)));
}

// --- what is known -------------------------------------------------------------------------------

bool SignalActor::anything_pending() const {
  return std::any_of(kinds_.begin(), kinds_.end(), [](const Kind& k) { return k.pending > 0; });
}

Task<void> SignalActor::taking(SignalActor& a, Waiting& waiting) {
  absl::StatusOr<int> signal = co_await waiting.signals->next();
  a.taken(signal);
}

void SignalActor::taken(const absl::StatusOr<int>& signal) {
  expect(!ring_goes_ || ring_gone_now(), "a call was resumed after its Ring");
  if (!signal.ok()) {
    const bool gone = ring_gone_now() && absl::IsFailedPrecondition(signal.status());
    return expect(gone || world_.system().may_fail_with(uring::errno_of(signal.status())),
                  "next fails: " + signal.status().ToString());
  }
  world_.note(name_, ": takes signal ", *signal);
  const auto kind = std::find_if(kinds_.begin(), kinds_.end(),
                                 [&](const Kind& k) { return k.number == *signal; });
  if (kind == kinds_.end()) return expect(false, "a signal that nobody asked for");
  expect(kind->pending > 0, "a signal that was not raised, or twice");
  if (kind->pending > 0) --kind->pending;
}

void SignalActor::check() {
  for (const Kind& kind : kinds_) {
    const auto seen = static_cast<uint64_t>(delivered[static_cast<size_t>(kind.number)]);
    expect(seen == kind.delivered, seen > kind.delivered ? "a signal was delivered that is blocked"
                                                         : "a signal was not delivered");
  }
}

// --- steps ---------------------------------------------------------------------------------------

void SignalActor::act(Choices& choices) {
  first_.call.collect();
  second_.call.collect();
  if (!begun_ || choices.one_in(ring_gone_now() ? 3 : 40)) return begin(choices);
  Waiting& waiting = second_.signals && choices.one_in(2) ? second_ : first_;
  switch (choices.below(10)) {
    case 0:
    case 1:
    case 2:
      return raise(choices);
    case 3:
      return waiting.call.destroy("destroyed");
    case 4:
      if (!ring_gone_now() && waiting.call.made()) {
        waiting.call.destroy_from(*world_.ring(ring_));
      }
      return;
    case 5:
      return waiting.call.end_race();
    case 6:
      if (!second_.signals && !ring_gone_now()) return block(second_);
      if (choices.one_in(2)) unblock(second_);
      return;
    case 7: {
      if (waiting.call.made()) return;
      world_.note(name_, ": the Signals move");
      uring::Signals elsewhere = *std::move(waiting.signals);
      waiting.signals.emplace(std::move(elsewhere));
      return;
    }
    default:
      return next(waiting, choices);
  }
}

void SignalActor::begin(Choices& choices) {
  let_go();
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  ring_generation_ = world_.ring_generation(ring_);
  if (world_.ring(ring_) == nullptr) return;
  ring_goes_ = false;
  begun_ = true;
  block(first_);
}

void SignalActor::block(Waiting& waiting) {
  world_.note(name_, ": blocks its signals");
  absl::StatusOr<uring::Signals> made =
      uring::Signals::block(*world_.ring(ring_), {kinds_[0].number, kinds_[1].number});
  if (!made.ok()) return expect(false, made.status().ToString());
  waiting.signals.emplace(*std::move(made));
}

// What nobody has taken is delivered when the first lets go.
void SignalActor::unblock(Waiting& waiting) {
  if (!waiting.signals) return;
  world_.note(name_, ": unblocks its signals");
  waiting.call.drop();
  waiting.signals.reset();
  if (&waiting != &first_) return;
  for (Kind& kind : kinds_) kind.delivered += std::exchange(kind.pending, 0);
}

void SignalActor::raise(Kind& kind) {
  world_.note(name_, ": raises ", kind.number);
  ::raise(kind.number);
  if (!first_.signals) {
    ++kind.delivered;
  } else if (kind.queues || kind.pending == 0) {
    ++kind.pending;
  }
}

void SignalActor::raise(Choices& choices) { raise(kinds_[choices.below(2)]); }

void SignalActor::next(Waiting& waiting, Choices& choices) {
  if (!waiting.signals || waiting.call.made()) return;
  world_.note(name_, ": next");
  uring::Ring* ring = ring_gone_now() ? nullptr : world_.ring(ring_);
  waiting.call.start(ring, taking(*this, waiting), choices);
  if (ring == nullptr) expect(!waiting.call.waits(), "a call waits for a Ring that is gone");
}

// The loop sleeps for as long as no signal comes.
bool SignalActor::idle() {
  const bool waits = first_.call.waits() || second_.call.waits();
  if (!begun_ || ring_goes_ || world_.turned() != ring_ || !waits) return false;
  if (anything_pending()) return false;
  raise(kinds_[0]);
  return true;
}

// --- the end -------------------------------------------------------------------------------------

// Who waits is given a signal.
bool SignalActor::wind_up() {
  first_.call.collect();
  second_.call.collect();
  if (!begun_ || ring_gone_now()) {
    let_go();
    return true;
  }
  if (first_.call.made()) first_.call.end_race();
  if (second_.call.made()) second_.call.end_race();
  const bool waits = first_.call.made() || second_.call.made();
  if (waits && !anything_pending()) raise(kinds_[1]);
  return !waits;
}

void SignalActor::let_go() {
  unblock(second_);
  unblock(first_);
  begun_ = false;
}

}  // namespace bufio::simulate
