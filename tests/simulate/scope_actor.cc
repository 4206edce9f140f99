#include "tests/simulate/scope_actor.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bufio/descriptor.h"
#include "tests/simulate/writer_subject.h"
#include "uring/status.h"

namespace bufio::simulate {

using std::chrono::hours;
using uring::Task;

// In the frame of a child.
class ScopeActor::Alive {
 public:
  explicit Alive(ScopeActor& actor) : actor_(actor) { ++actor_.alive_; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() {
    --actor_.alive_;
    if (source_ != nullptr) source_->taken = false;
  }

  // False if somebody else has it.
  bool take(Source& source) {
    if (std::exchange(source.taken, true)) return false;
    source_ = &source;
    return true;
  }

 private:
  ScopeActor& actor_;
  Source* source_ = nullptr;
};

// A child of the scope that is tested, while it runs.
class ScopeActor::Running {
 public:
  explicit Running(ScopeActor& actor) : actor_(actor) {
    ++actor_.running_;
    actor_.expect(actor_.max_running_ == 0 || actor_.running_ <= actor_.max_running_,
                  "more children run than may");
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --actor_.running_; }

 private:
  ScopeActor& actor_;
};

void ScopeActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, ": ", uring::as_absl(what)));
}

// --- at any time ---------------------------------------------------------------------------------

void ScopeActor::check() {
  if (!begun_) return;
  for (const Source& source : sources_) {
    expect(source.reader->pos() == source.pos, "a cursor moved by itself");
    const std::string_view window = source.reader->buffered();
    expect(window == letters(source.pos, window.size()), "the window shows other bytes");
  }
  if (!scope_) return expect(alive_ == 0, "a child has outlived its scope");
  expect(scope_->waiting() <= scope_->running(), "more wait than there are");
  if (!ring_gone_now()) look_at_end();
}

// The loop looks at its timers and its post in every turn; the one that was under way may have done
// so before.
void ScopeActor::look_at_end() {
  const uint64_t turns = world_.turns(ring_);
  const bool late = has_deadline_ && world_.system().kernel().now() >= deadline_;
  if ((late || stop_.stop_requested()) && !due_since_) due_since_ = turns;
  if (due_since_ && turns > *due_since_ + 1) {
    expect(scope_->cancelled(),
           late ? "its deadline has passed, and it goes on" : "it was stopped, and it goes on");
  }
  if (!scope_->cancelled()) return;
  expect(token_.stop_requested(), "cancelled, and nobody was asked to stop");
  if (!cancelled_since_) cancelled_since_ = turns;
  if (turns > *cancelled_since_ + 1) expect(scope_->running() == 0, "cancelled, and it goes on");
}

bool ScopeActor::expected(const absl::Status& status) const {
  const int error = uring::errno_of(status);
  return (error != 0 && world_.system().may_fail_with(error)) ||
         (ring_gone_now() && absl::IsFailedPrecondition(status));
}

void ScopeActor::look_at_result(const absl::Status& status) {
  expect(alive_ == 0 && scope_->running() == 0, "joined, and a child is there");
  if (status.ok()) {
    return expect(error_.ok() && ended_ == spawned_, "joined as if nothing had happened");
  }
  if (status == error_) return;
  if (absl::IsDeadlineExceeded(status)) {
    const bool late = has_deadline_ && world_.system().kernel().now() >= deadline_;
    return expect(late, "too late, and it is not");
  }
  expect(absl::IsCancelled(status) && cancelled_, "joined with " + status.ToString());
}

// --- calls ---------------------------------------------------------------------------------------

Task<absl::Status> ScopeActor::read(ScopeActor& a, Order order) {
  Source& source = a.sources_[order.source];
  Alive alive(a);
  if (!alive.take(source)) co_return absl::OkStatus();
  for (uint64_t left = order.bytes; left > 0;) {
    absl::StatusOr<std::string_view> view = co_await source.reader->fill_buf();
    if (!view.ok()) {
      a.expect(a.expected(view.status()), "a read error from nowhere: " + view.status().ToString());
      co_return view.status();
    }
    if (view->empty()) {
      a.expect(source.pos == source.size, "an end that is none");
      break;
    }
    const size_t taken = static_cast<size_t>(std::min<uint64_t>(left, view->size()));
    a.expect(view->substr(0, taken) == letters(source.pos, taken), "a child read other bytes");
    source.reader->consume(taken);
    source.pos += taken;
    left -= taken;
  }
  if (order.fails) co_return absl::AbortedError("as ordered");
  co_return absl::OkStatus();
}

Task<absl::Status> ScopeActor::parent(ScopeActor& a, Order order) {
  uring::Ring& ring = *a.world_.ring(a.ring_);
  uring::ScopeOptions options;
  options.deadline = ring.now() + hours(1);
  options.max_running = 1;
  uring::Scope scope(ring, options);
  for (uint32_t i = 0; i < order.nested; ++i) {
    order.source = i % 2;
    scope.spawn(read(a, order));
  }
  absl::Status status = co_await scope.join();
  a.expect(scope.running() == 0, "a nested child is there after the join");
  co_return status;
}

Task<absl::Status> ScopeActor::child(ScopeActor& a, Order order) {
  Running running(a);
  Alive alive(a);
  Task<absl::Status> work = order.nested > 0 ? parent(a, order) : read(a, order);
  absl::Status status = co_await std::move(work);
  ++a.ended_;
  if (a.error_.ok()) a.error_ = status;
  co_return status;
}

Task<void> ScopeActor::join(ScopeActor& a) {
  absl::Status status = co_await a.scope_->join();
  a.world_.note(a.name_, ": joined with ", status.ToString());
  a.look_at_result(status);
}

// --- steps ---------------------------------------------------------------------------------------

void ScopeActor::begin(Choices& choices) {
  let_go();
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  ring_generation_ = world_.ring_generation(ring_);
  if (world_.ring(ring_) == nullptr) return;
  ring_goes_ = false;
  for (Source& source : sources_) {
    source.size = choices.below(400);
    source.pos = 0;
    int fd = -1;
    const StreamKind kind = choices.one_in(2) ? StreamKind::kPipe : StreamKind::kSocket;
    source.feeder = &world_.make_stream(kind, letters(0, static_cast<size_t>(source.size)), 0,
                                        choices.below(1U << 31), fd);
    ReaderOptions options;
    options.read_size = size_t{1} + choices.below(100);
    source.reader.emplace(adopt_fd(*world_.ring(ring_), fd, options));
  }
  begun_ = true;
  open_scope(choices);
}

void ScopeActor::open_scope(Choices& choices) {
  uring::Ring& ring = *world_.ring(ring_);
  uring::ScopeOptions options;
  options.cancel_on_error = !choices.one_in(3);
  options.max_running = max_running_ = choices.below(3);
  has_deadline_ = choices.one_in(3);
  deadline_ = ring.now() + hours(1);
  if (has_deadline_) options.deadline = deadline_;
  world_.note(name_, ": a scope of ", options.max_running, " on ring ", ring_,
              has_deadline_ ? ", with an hour's time" : "");
  alive_ = 0;
  spawned_ = ended_ = 0;
  error_ = absl::OkStatus();
  cancelled_ = false;
  due_since_.reset();
  stop_ = std::stop_source();
  has_stop_ = choices.one_in(3);
  if (has_stop_) options.stop = stop_.get_token();
  cancelled_since_.reset();
  scope_.emplace(ring, options);
  token_ = scope_->stop_token();
}

void ScopeActor::close_scope() {
  joining_.drop();
  scope_.reset();
  expect(alive_ == 0, "a child has outlived its scope");
}

void ScopeActor::cancel(Choices& choices) {
  if (has_stop_ && choices.one_in(2)) return stop();
  world_.note(name_, ": cancels");
  cancelled_ = true;
  scope_->cancel();
}

void ScopeActor::stop() {
  world_.note(name_, ": the scope is stopped");
  cancelled_ = true;
  stop_.request_stop();
}

// The loop sleeps for as long as somebody may stop the scope.
bool ScopeActor::idle() {
  const bool waits = scope_ && has_stop_ && !stop_.stop_requested();
  if (!waits || ring_goes_ || world_.turned() != ring_) return false;
  stop();
  return true;
}

void ScopeActor::spawn(Choices& choices) {
  Order order;
  order.source = choices.below(2);
  order.bytes = choices.below(80);
  order.fails = choices.one_in(8);
  order.nested = choices.one_in(4) ? 1 + choices.below(3) : 0;
  world_.note(name_, ": spawns one that reads ", order.bytes, " of ", order.source,
              order.fails ? " and fails" : "", ", with ", order.nested, " of its own");
  ++spawned_;
  // On a scope that is cancelled it is cut short.
  scope_->spawn(child(*this, order));
}

void ScopeActor::act(Choices& choices) {
  joining_.collect();
  if (!begun_ || ring_gone_now() || choices.one_in(30)) return begin(choices);
  if (!scope_) return open_scope(choices);
  switch (choices.below(12)) {
    case 0:
    case 1:
      if (joining_.made()) return;
      world_.note(name_, ": joins");
      return joining_.start(live_ring(), join(*this), choices);
    case 2:
      if (!joining_.made()) return;
      return choices.one_in(2) ? joining_.destroy("destroyed") : joining_.end_race();
    case 3:
      if (choices.one_in(3)) cancel(choices);
      return;
    case 4:
      if (!choices.one_in(3)) return;
      world_.note(name_, ": the scope is destroyed");
      return close_scope();
    case 5:
      world_.note(name_, ": two hours pass");
      return world_.system().advance(hours(2));
    case 6:
    case 7:
      sources_[choices.below(2)].feeder->feed();
      return;
    default:
      return spawn(choices);
  }
}

// Children end when their streams do. A race keeps the loop from sleeping, so bytes are brought.
bool ScopeActor::wind_up() {
  joining_.collect();
  if (!begun_ || ring_gone_now() || !scope_) return true;
  for (Source& source : sources_) source.feeder->feed();
  joining_.end_race();
  return scope_->running() == 0 && !joining_.waits();
}

void ScopeActor::let_go() {
  close_scope();
  for (Source& source : sources_) source.reader.reset();
  begun_ = false;
}

}  // namespace bufio::simulate
