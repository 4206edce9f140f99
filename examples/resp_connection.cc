#include "examples/resp_connection.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"
#include "bufio/writer.h"
#include "uring/sleep.h"

namespace resp {
namespace {

using uring::Task;
using Clock = std::chrono::steady_clock;
using Outcome = RequestParser::Outcome;

constexpr size_t kFreeMemory = size_t{64} << 10;  // of each connection, that is not counted
constexpr size_t kFirstRoom = size_t{64} << 10;   // for a large argument
constexpr size_t kMuch = size_t{64} << 10;        // of answers that have not left
constexpr uint64_t kLastBytes = uint64_t{256} << 10;
constexpr std::chrono::seconds kLinger(2);
constexpr std::chrono::milliseconds kSweepEvery(100);
constexpr size_t kSweepAtOnce = 500;

class Connection {
 public:
  Connection(bufio::Stream stream, server::Sessions& sessions, Store& store)
      : reader_(std::move(stream.reader)),
        writer_(std::move(stream.writer)),
        sessions_(sessions),
        session_(sessions, reader_),
        store_(store),
        parser_(store.limits),
        charge_(store.requests) {
    client_.id = ++store.clients;
  }

  Task<void> run() {
    for (;;) {
      bool more = co_await answer_what_is_there();
      if (!more) break;
      more = co_await receive_more();
      if (!more) break;
    }
    co_await end();
  }

 private:
  // False: that was all.
  Task<bool> answer_what_is_there() {
    const Time time = now();
    for (;;) {
      outcome_ = parser_.parse(reader_.buffered(), reader_.source_ended());
      if (outcome_ != Outcome::kRequest) break;
      reply_.clear();
      if (!parser_.arguments().empty()) store_.commands.run(parser_, client_, time, reply_);
      reader_.consume(parser_.consumed());
      if (writer_.unwritten() >= kMuch) writer_.set_deadline(Clock::now() + store_.timeouts.write);
      absl::Status status = co_await writer_.write(reply_.text.view());
      if (!status.ok()) co_return false;
      if (reply_.large) {
        bool sent = co_await send_large();
        if (!sent) co_return false;
      }
      if (client_.leaving) co_return false;
    }
    reader_.consume(parser_.consumed());
    if (outcome_ == Outcome::kRefused) co_await refuse("ERR Protocol error: ", parser_.refusal());
    co_return outcome_ == Outcome::kMore || outcome_ == Outcome::kBig;
  }

  Task<bool> send_large() {
    writer_.set_deadline(Clock::now() + store_.timeouts.write);
    absl::Status status = co_await writer_.write_owned(std::move(reply_.large));
    if (status.ok()) status = co_await writer_.write("\r\n");
    co_return status.ok();
  }

  Task<bool> receive_more() {
    const size_t held = parser_.memory();
    if (!charge_.set(held > kFreeMemory ? held : 0)) {
      co_await refuse_for_memory();
      co_return false;
    }
    if (outcome_ == Outcome::kBig) {
      bool received = co_await receive_big();
      co_return received;
    }
    bool received = co_await fill(parser_.needed());
    co_return received;
  }

  // Waits for bytes that the next request, or the one that has begun, needs. False: none will come.
  // True although none have come: look whether it is time to stop.
  Task<bool> fill(size_t more) {
    const bool begun = parser_.within_request() || reader_.available() > 0;
    if (!begun && sessions_.stopping()) co_return false;
    set_patience(begun ? store_.timeouts.stall : store_.timeouts.idle);
    absl::StatusOr<std::string_view> view = co_await reader_.fill_more(more);
    co_return view.ok() || absl::IsCancelled(view.status());
  }

  // An argument that gets memory as its bytes come.
  Task<bool> receive_big() {
    const size_t size = parser_.big_size();
    Charge charge(store_.requests);
    std::string bytes;
    while (bytes.size() < size) {
      set_patience(store_.timeouts.stall);
      absl::StatusOr<std::string_view> view = co_await reader_.fill_buf();
      if (absl::IsCancelled(view.status())) continue;  // stopping; but this one has begun
      if (!view.ok() || view->empty()) co_return false;
      const std::string_view part = view->substr(0, size - bytes.size());
      if (!make_room(bytes, part.size(), size, charge)) {
        co_await refuse_for_memory();
        co_return false;
      }
      bytes.append(part);
      reader_.consume(part.size());
    }
    parser_.give(std::move(bytes));
    charge.set(0);
    co_return charge_.set(parser_.memory());
  }

  static bool make_room(std::string& bytes, size_t more, size_t size, Charge& charge) {
    const size_t wanted = bytes.size() + more;
    if (wanted <= bytes.capacity()) return true;
    const size_t room = std::min(size, std::max(kFirstRoom, 2 * wanted));
    if (!charge.set(room)) return false;
    std::string larger;  // a string that grows takes what it likes
    larger.reserve(room);
    larger.append(bytes);
    bytes = std::move(larger);
    return true;
  }

  void set_patience(std::chrono::nanoseconds patience) {
    if (patience == std::chrono::nanoseconds::max()) {
      reader_.clear_deadline();
    } else {
      reader_.set_deadline(Clock::now() + patience);
    }
  }

  Task<void> refuse_for_memory() {
    co_await refuse("OOM ", "requests in hand take too much memory");
  }

  Task<void> refuse(std::string_view kind, std::string_view why) {
    reply_.clear();
    reply_.text.error(std::string(kind).append(why));
    writer_.set_deadline(Clock::now() + store_.timeouts.write);
    absl::Status status = co_await writer_.write(reply_.text.view());
    static_cast<void>(status);  // there is nobody to tell
  }

  // Closing on unread bytes would make the system take back what was sent last.
  Task<void> end() {
    writer_.set_deadline(Clock::now() + store_.timeouts.write);
    absl::Status shut = co_await writer_.shutdown();
    if (!shut.ok()) co_return;
    reader_.set_deadline(Clock::now() + kLinger);
    absl::StatusOr<uint64_t> skipped = co_await reader_.skip(kLastBytes);
    static_cast<void>(skipped);
  }

  bufio::Reader reader_;
  bufio::Writer writer_;
  server::Sessions& sessions_;
  server::Session session_;
  Store& store_;
  Client client_;
  RequestParser parser_;
  Outcome outcome_ = Outcome::kMore;
  Reply reply_;
  Charge charge_;  // for what the parser holds
};

}  // namespace

Time now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch())
      .count();
}

Task<void> serve(bufio::Stream stream, server::Sessions& sessions, Store& store) {
  Connection connection(std::move(stream), sessions, store);
  co_await connection.run();
}

Task<void> sweep(uring::Ring& ring, Store& store) {
  for (;;) {
    co_await uring::sleep_for(ring, kSweepEvery);
    while (store.database.sweep(now(), kSweepAtOnce)) co_await uring::yield(ring);
  }
}

}  // namespace resp
