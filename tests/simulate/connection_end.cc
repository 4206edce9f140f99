#include "tests/simulate/connection_end.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulate/unobserved.h"
#include "uring/status.h"

namespace bufio::simulate {

using uring::Task;

namespace {

// So much is said by hand, at most.
constexpr uint64_t kMuch = 300;

WriterOptions careless() {
  WriterOptions options;
  options.on_drop = [](const DroppedBytes&) {};
  return options;
}

}  // namespace

ConnectionEnd::ConnectionEnd(World& world, const std::string& actor, ConnectionLedger& ledger,
                             EndRecord& record, const uring::Socket& socket, size_t ring)
    : world_(world),
      name_(absl::StrCat(actor, ", end ", record.number)),
      ledger_(ledger),
      record_(record),
      ring_(ring),
      ring_generation_(world.ring_generation(ring)),
      fd_(socket.fd()),
      stream_(open_stream(socket, {}, careless())) {
  world_.passed_on(fd_);
  record_.end = this;
}

ConnectionEnd::~ConnectionEnd() {
  check();
  if (stream_.writer.unwritten() > 0) {
    record_.broken = true;
  } else {
    record_.says_no_more = true;
  }
  record_.left = true;
  record_.end = nullptr;
}

void ConnectionEnd::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, " at ", heard_, ": ", uring::as_absl(what)));
}

// --- what is known -------------------------------------------------------------------------------

bool ConnectionEnd::far_may_be_gone() const {
  const EndRecord* far = record_.far;
  return record_.broken || far == nullptr || far->left || far->broken;
}

void ConnectionEnd::look_at_error(const absl::Status& status) {
  const int error = uring::errno_of(status);
  const bool hung_up = error == EPIPE || error == ECONNRESET || error == ENOTCONN;
  expect(world_.system().may_fail_with(error) || (hung_up && far_may_be_gone()) ||
             (record_.broken && absl::IsFailedPrecondition(status)),
         "an error from nowhere: " + status.ToString());
}

void ConnectionEnd::check() {
  const absl::Status status = stream_.writer.status();
  if (status.ok() || record_.broken) return;
  look_at_error(status);
  record_.broken = true;
}

void ConnectionEnd::look_at_bytes(std::string_view bytes) {
  for (; !bytes.empty() && number_.size() < kNumberSize; bytes.remove_prefix(1), ++heard_) {
    number_.push_back(bytes.front());
    if (number_.size() == kNumberSize) expect_none(ledger_.introduce(record_, number_));
  }
  if (bytes.empty() || record_.far == nullptr) return;
  expect(bytes == text_of(record_.far->number, heard_, bytes.size()), "it hears other bytes");
  heard_ += bytes.size();
  expect(heard_ <= record_.far->said, "it hears what nobody said");
}

void ConnectionEnd::heard(const absl::StatusOr<std::string_view>& view) {
  expect(ring_generation_ == world_.ring_generation(ring_), "resumed after its Ring");
  if (view.ok() && !view->empty()) {
    look_at_bytes(*view);
    return stream_.reader.consume(view->size());
  }
  ended_ = true;
  if (record_.far != nullptr && record_.far->end != nullptr) record_.far->end->check();
  const bool reset = uring::errno_of(view.status()) == ECONNRESET;
  if (view.ok() || reset) return expect_none(ledger_.ended(record_, heard_, reset));
  look_at_error(view.status());
}

// --- calls ---------------------------------------------------------------------------------------

Task<void> ConnectionEnd::speaking(ConnectionEnd& e, size_t n) {
  const std::string text = text_of(e.record_.number, e.record_.said, n);
  const absl::Status status = co_await e.stream_.writer.write(text);
  if (status.ok()) e.record_.said += n;
  e.check();
}

Task<void> ConnectionEnd::hearing(ConnectionEnd& e) {
  const absl::StatusOr<std::string_view> view = co_await e.stream_.reader.fill_buf();
  e.heard(view);
}

Task<void> ConnectionEnd::closing(ConnectionEnd& e) {
  const absl::Status status = co_await e.stream_.writer.close();
  e.expect(e.ring_generation_ == e.world_.ring_generation(e.ring_), "resumed after its Ring");
  if (status.ok()) co_return;
  e.look_at_error(status);
  e.record_.broken = true;
}

void ConnectionEnd::say(size_t n) {
  if (record_.says_no_more || record_.broken) return;
  world_.note(name_, ": says ", n);
  Task<void> call = speaking(*this, n);
  expect(call.start(Unobserved::instance()), "a write waits that has room");
}

void ConnectionEnd::hear(uring::Ring* ring, Choices& choices) {
  if (ended_ || hearing_.made()) return;
  world_.note(name_, ": hears");
  hearing_.start(ring, hearing(*this), choices);
}

// Not without having said who it is.
void ConnectionEnd::close(Choices& choices) {
  if (record_.said < kNumberSize) say(kNumberSize);
  if (record_.says_no_more || record_.broken) return;
  world_.note(name_, ": closes");
  record_.says_no_more = true;
  closing_.start(nullptr, closing(*this), choices);
}

// --- steps ---------------------------------------------------------------------------------------

void ConnectionEnd::act(Choices& choices) {
  hearing_.collect();
  closing_.collect();
  switch (choices.below(8)) {
    case 0:
    case 1:
    case 2:
      return say(record_.said == 0 ? kNumberSize + choices.below(30) : choices.below(50));
    case 3:
      if (choices.one_in(2)) close(choices);
      return;
    case 4:
      if (hearing_.made()) hearing_.destroy("destroyed");
      return;
    case 5:
      return hearing_.end_race();
    default:
      return hear(world_.ring(ring_), choices);
  }
}

bool ConnectionEnd::say_by_hand() {
  const bool busy = stream_.writer.unwritten() > 0 || !stream_.writer.status().ok();
  if (busy || record_.says_no_more || record_.broken || record_.said >= kMuch) return false;
  const std::string text = text_of(record_.number, record_.said, kNumberSize);
  const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return false;
  record_.said += static_cast<uint64_t>(sent);
  return true;
}

bool ConnectionEnd::cut() {
  if (std::exchange(cut_, true)) return false;
  record_.broken = true;
  if (record_.far != nullptr) record_.far->broken = true;
  ::shutdown(fd_, SHUT_RDWR);
  return true;
}

bool ConnectionEnd::wind_up() {
  hearing_.collect();
  closing_.collect();
  if (hearing_.made()) hearing_.end_race();
  check();
  if (record_.broken) return true;
  uring::testing::SeededChoices plain(record_.number);
  close(plain);
  hear(nullptr, plain);
  return ended_ && !closing_.made();
}

}  // namespace bufio::simulate
