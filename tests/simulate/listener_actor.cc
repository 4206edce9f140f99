#include "tests/simulate/listener_actor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/resolve.h"
#include "uring/status.h"

namespace bufio::simulate {

using uring::Task;

ListenerActor::ListenerActor(World& world, std::string name)
    : world_(world), name_(std::move(name)) {
  for (size_t i = 0; i < kMostCalls; ++i) {
    calls_.push_back(std::make_unique<Call>(world_, name_));
  }
}

// One that was about to connect may have done so.
void ListenerActor::Call::cut_short() {
  if (!std::exchange(over, true) && !accepts) ++place->strangers;
}

void ListenerActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, ": ", uring::as_absl(what)));
}

// --- what calls come to --------------------------------------------------------------------------

Task<void> ListenerActor::accepting(ListenerActor& a, Call& call) {
  absl::StatusOr<uring::Socket> socket = co_await a.listener_->accept();
  a.was_accepted(call, std::move(socket));
}

Task<void> ListenerActor::connecting(ListenerActor& a, Call& call, bool by_host) {
  uring::Ring& ring = *a.world_.ring(a.ring_);
  const uring::SocketAddress address = call.place->address;
  if (by_host) {
    const std::string text = address.to_string();
    const std::string host = text.substr(0, text.rfind(':'));
    absl::StatusOr<uring::Socket> found = co_await uring::connect_host(ring, host, address.port());
    a.was_connected(call, std::move(found));
    co_return;
  }
  absl::StatusOr<uring::Socket> socket = co_await uring::connect(ring, address);
  a.was_connected(call, std::move(socket));
}

void ListenerActor::was_accepted(Call& call, absl::StatusOr<uring::Socket> socket) {
  call.over = true;
  expect(!ring_goes_ || ring_gone_now(), "a call was resumed after its Ring");
  for (const auto& other : calls_) {
    const bool before =
        other->accepts && other->plain && !other->over && other->number < call.number;
    // At once, when the earlier one has got its connection and is about to be resumed.
    const bool overtakes = before && other->place == call.place && call.waited;
    expect(!overtakes, "a call was served before an earlier one");
  }
  if (socket.ok()) {
    world_.note(name_, ": accepts");
    const std::string wrong = ledger_.accepted(*call.place);
    expect(wrong.empty(), wrong);
    return add_end(*call.place, /*accepted=*/true, *socket);
  }
  const bool gone = !call.place->open || ring_gone_now();
  expect(world_.system().may_fail_with(uring::errno_of(socket.status())) ||
             (gone && absl::IsFailedPrecondition(socket.status())),
         "accept fails: " + socket.status().ToString());
}

void ListenerActor::was_connected(Call& call, absl::StatusOr<uring::Socket> socket) {
  call.over = true;
  expect(!ring_goes_, "a call was resumed after its Ring");
  if (socket.ok()) {
    world_.note(name_, ": has connected");
    return add_end(*call.place, /*accepted=*/false, *socket);
  }
  ++call.place->strangers;
  const int error = uring::errno_of(socket.status());
  const bool refused = error == ECONNREFUSED && !call.place->open;
  const bool no_room = error == EAGAIN && !world_.system().has_network();
  expect(refused || no_room || world_.system().may_fail_with(error),
         "connect fails: " + socket.status().ToString());
}

void ListenerActor::add_end(Place& place, bool accepted, const uring::Socket& socket) {
  EndRecord& record = ledger_.open_end(place, accepted);
  ends_.push_back(std::make_unique<ConnectionEnd>(world_, name_, ledger_, record, socket, ring_));
  if (ends_.size() > kMostEnds && !winds_up_) drop_end(ends_.size() - 1);
}

// --- at any time ---------------------------------------------------------------------------------

void ListenerActor::check() {
  if (!begun_ || ring_gone_now()) return;
  for (const auto& end : ends_) end->check();
  for (const auto& call : calls_) {
    if (!call->accepts || call->over || call->place->open) continue;
    const uint64_t turns = world_.turns(ring_);
    if (!call->due_since) call->due_since = turns;
    expect(turns <= *call->due_since + 1, "a call waits for a Listener that is gone");
  }
}

void ListenerActor::ring_gone(size_t ring) {
  if (ring != ring_) return;
  for (const auto& end : ends_) end->ring_gone();
}

// --- steps ---------------------------------------------------------------------------------------

void ListenerActor::act(Choices& choices) {
  collect();
  if (begun_ && ring_gone_now() && choices.one_in(2)) return act_on_leftovers(choices);
  if (!begun_ || ring_gone_now() || choices.one_in(40)) return begin(choices);
  switch (choices.below(14)) {
    case 0:
      if (!listener_ || choices.one_in(4)) return listen(choices);
      if (choices.one_in(3)) close_listener();
      return;
    case 1:
    case 2:
    case 3:
      return accept(choices);
    case 4:
    case 5:
    case 6:
      return connect(choices);
    case 7:
      return act_on_call(choices);
    default:
      return act_on_end(choices);
  }
}

void ListenerActor::begin(Choices& choices) {
  let_go();
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  ring_generation_ = world_.ring_generation(ring_);
  if (world_.ring(ring_) == nullptr) return;
  ring_goes_ = false;
  begun_ = true;
  listen(choices);
}

// They go in any order.
void ListenerActor::act_on_leftovers(Choices& choices) {
  switch (choices.below(4)) {
    case 0:
      return close_listener();
    case 1:
      for (const auto& call : calls_) call->pending.destroy("destroyed, after its Ring");
      return;
    case 2:
      if (!ends_.empty()) drop_end(ends_.size() - 1);
      return;
    default:
      if (listener_) accept(choices);
  }
}

void ListenerActor::listen(Choices& choices) {
  close_listener();
  const bool tcp = world_.system().has_network() && choices.one_in(2);
  const uring::SocketAddress address = world_.system().make_address(tcp);
  uring::ListenOptions options;
  options.max_pending = 1 + choices.below(3);
  options.backlog = world_.system().has_network() ? 1024 : static_cast<int>(1 + choices.below(4));
  uring::Ring& ring = *world_.ring(ring_);
  world_.note(name_, ": listens on ring ", ring_, ", up to ", options.max_pending, " ahead");
  listens_ = false;
  if (tcp) {
    absl::StatusOr<uring::TcpListener> made = uring::TcpListener::listen(ring, address, options);
    if (!made.ok()) return expect(false, made.status().ToString());
    listener_.emplace(*std::move(made));
  } else {
    const std::string path = address.to_string().substr(std::string_view("unix:").size());
    absl::StatusOr<uring::UnixListener> made = uring::UnixListener::listen(ring, path, options);
    if (!made.ok()) return expect(false, made.status().ToString());
    listener_.emplace(*std::move(made));
  }
  place_ = &ledger_.open_place(listener_->address());
}

void ListenerActor::close_listener() {
  if (!listener_) return;
  world_.note(name_, ": the Listener is destroyed");
  place_->open = false;
  listener_.reset();
}

ListenerActor::Call* ListenerActor::begin_call(bool accepts) {
  const auto found = std::find_if(calls_.begin(), calls_.end(),
                                  [](const auto& call) { return !call->pending.made(); });
  if (found == calls_.end()) return nullptr;
  Call& call = **found;
  call.number = ++calls_made_;
  call.accepts = accepts;
  call.over = false;
  call.place = place_;
  call.plain = call.waited = false;
  call.due_since.reset();
  world_.note(name_, accepts ? ": accept" : ": connect");
  return &call;
}

void ListenerActor::accept(Choices& choices) {
  if (!listener_) return;
  Call* call = begin_call(/*accepts=*/true);
  if (call == nullptr) return;
  call->plain = ring_gone_now() || winds_up_ || choices.one_in(2);
  uring::Ring* ring = call->plain ? nullptr : world_.ring(ring_);
  call->pending.start(ring, accepting(*this, *call), choices);
  call->waited = true;
  listens_ = true;
}

void ListenerActor::connect(Choices& choices) {
  if (place_ == nullptr) return;
  Call* call = begin_call(/*accepts=*/false);
  if (call == nullptr) return;
  ++place_->tried;
  const bool by_host = place_->address.port() > 0 && choices.one_in(2);
  call->pending.start(world_.ring(ring_), connecting(*this, *call, by_host), choices);
}

void ListenerActor::act_on_call(Choices& choices) {
  PendingCall& call = calls_[choices.below(kMostCalls)]->pending;
  switch (choices.below(3)) {
    case 0:
      return call.destroy("destroyed");
    case 1:
      if (call.made()) call.destroy_from(*world_.ring(ring_));
      return;
    default:
      return call.end_race();
  }
}

void ListenerActor::act_on_end(Choices& choices) {
  if (ends_.empty()) return;
  const size_t index = choices.below(static_cast<uint32_t>(ends_.size()));
  if (choices.one_in(8)) return drop_end(index);
  ends_[index]->act(choices);
}

void ListenerActor::drop_end(size_t index) {
  world_.note(name_, ": end ", ends_[index]->record().number, " is destroyed");
  ends_.erase(ends_.begin() + static_cast<ptrdiff_t>(index));
}

void ListenerActor::collect() {
  for (const auto& call : calls_) call->pending.collect();
}

// --- when the loop sleeps ------------------------------------------------------------------------

bool ListenerActor::accept_waits() const {
  return listener_.has_value() && std::any_of(calls_.begin(), calls_.end(), [&](const auto& call) {
           return call->accepts && !call->over && call->place == place_;
         });
}

bool ListenerActor::connect_waits() const {
  return std::any_of(calls_.begin(), calls_.end(),
                     [](const auto& call) { return !call->accepts && !call->over; });
}

// Somebody connects, and hangs up.
bool ListenerActor::pass_by() {
  if (std::exchange(passed_in_turn_, world_.turns(ring_)) != world_.turns(ring_)) passed_ = 0;
  if (++passed_ > 2) return false;
  const uring::SocketAddress& address = place_->address;
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool connects =
      fd >= 0 && (::connect(fd, address.get(), address.size()) == 0 || errno == EINPROGRESS);
  if (fd >= 0) ::close(fd);
  if (!connects) return false;
  ++place_->tried;
  ++place_->strangers;
  return true;
}

bool ListenerActor::idle() {
  if (!begun_ || ring_goes_) return false;
  // On a Ring whose queues are full an accept, or the end of another stream, does have to wait.
  const bool full = world_.ring(ring_)->stats().waiting_for_entry > 0;
  if (!full && world_.turned() != ring_) return false;
  if (accept_waits() && !world_.starved() && !world_.system().has_network()) {
    const std::string wrong = ledger_.all_accepted(*place_);
    expect(wrong.empty(), wrong);
  }
  if (!full && listener_ && listens_ && pass_by()) return true;
  bool said = false;
  for (const auto& end : ends_) said |= end->say_by_hand();
  if (said) return true;
  bool cut = false;
  for (const auto& end : ends_) cut |= end->cut();
  return cut;
}

// --- the end -------------------------------------------------------------------------------------

// Whoever has connected is accepted, and heard out; then the Listener goes, and tells who waits.
bool ListenerActor::wind_up() {
  winds_up_ = true;
  collect();
  if (!begun_) return true;
  if (ring_gone_now()) {
    let_go();
    return true;
  }
  for (const auto& call : calls_) {
    if (call->pending.made()) call->pending.end_race();
  }
  std::erase_if(ends_, [](const auto& end) { return end->wind_up(); });
  const bool wanted =
      connect_waits() || std::any_of(ends_.begin(), ends_.end(), [this](const auto& end) {
        return !end->record().accepted && end->record().far == nullptr &&
               end->record().place == place_;
      });
  if (!wanted) close_listener();
  uring::testing::SeededChoices plain(calls_made_);
  if (wanted && listener_ && !accept_waits()) accept(plain);
  const bool waits = std::any_of(calls_.begin(), calls_.end(),
                                 [](const auto& call) { return call->pending.made(); });
  return !waits && ends_.empty() && !listener_;
}

void ListenerActor::let_go() {
  for (const auto& call : calls_) {
    call->pending.drop();
    call->cut_short();
  }
  ends_.clear();
  listener_.reset();
  if (place_ != nullptr) place_->open = false;
  place_ = nullptr;
  begun_ = false;
}

}  // namespace bufio::simulate
