#include "bufio/copy.h"

#include <algorithm>
#include <cerrno>
#include <coroutine>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "bufio/hand_over.h"
#include "uring/status.h"
#include "uring/when_all.h"

namespace bufio {
namespace {

// The most that is handed over at once, where it has to be copied.
constexpr size_t kCopiedPiece = size_t{64} << 10;

// One direction of two; what ends it is shared with the other one.
struct Direction {
  Reader& from;
  Writer& to;
  bool stopped = false;

  void stop() {
    stopped = true;
    from.interrupt();
    to.interrupt();
  }
};

// Hands the front of a Reader's window to a Writer, and waits until it is written. Both sides
// change at the same moment, whoever is cancelled when: what is accepted is consumed, and what will
// never be written is put back.
class CopyStep final : public HandOverRequest {
 public:
  CopyStep(Reader& from, size_t size, Writer& to)
      : HandOverRequest(from.state(), size, to.state()) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  // An error, or OK when all is written.
  absl::Status await_resume() {
    absl::Status failure = result();
    return failure.ok() ? state().tell_error() : failure;
  }

 private:
  bool satisfied() override {
    if (moved() > 0 && !state().error().ok()) {
      put_back(std::min(state().queue().unwritten(), moved()));
      return true;
    }
    return HandOverRequest::satisfied() && state().queue().unwritten() == 0;
  }
};

uring::Task<CopyResult> copy_until(Reader& from, Writer& to, uint64_t n, const bool& stopped) {
  CopyResult result;
  while (result.bytes < n) {
    if (stopped) {
      result.read_error = absl::CancelledError("copy: the other direction has failed");
      break;
    }
    uint64_t before = from.pos();
    absl::StatusOr<std::string_view> filled = co_await from.fill_buf();
    if (!filled.ok()) {
      result.read_error = filled.status();
      break;
    }
    if (filled->empty()) break;
    bool shared = HandOverRequest::shares(from.state(), filled->size(), to.state());
    size_t most = shared ? filled->size() : std::min(filled->size(), kCopiedPiece);
    most = static_cast<size_t>(std::min<uint64_t>(n - result.bytes, most));
    result.write_error = co_await CopyStep(from, most, to);
    result.bytes += from.pos() - before;
    if (!result.write_error.ok()) break;
  }
  if (result.ok()) result.write_error = co_await to.flush();
  co_return result;
}

uring::Task<CopyResult> copy_one_way(Direction& way, Direction& other) {
  CopyResult result = co_await copy_until(way.from, way.to, UINT64_MAX, way.stopped);
  if (result.ok()) {
    absl::Status shut = co_await way.to.shutdown();
    bool no_half = uring::errno_of(shut) == ENOTSOCK;
    if (!no_half) result.write_error = std::move(shut);
  }
  if (!result.ok() && !way.stopped) other.stop();
  co_return result;
}

}  // namespace

uring::Task<CopyResult> copy(Reader& from, Writer& to) { return copy_n(from, to, UINT64_MAX); }

uring::Task<CopyResult> copy_n(Reader& from, Writer& to, uint64_t n) {
  const bool never = false;
  CopyResult result = co_await copy_until(from, to, n, never);
  co_return result;
}

uring::Task<CopyBothResult> copy_bidirectional(Reader& first_in, Writer& first_out,
                                               Reader& second_in, Writer& second_out) {
  Direction forth = {first_in, second_out};
  Direction back = {second_in, first_out};
  std::tuple<CopyResult, CopyResult> results =
      co_await uring::when_all(copy_one_way(forth, back), copy_one_way(back, forth));
  CopyBothResult both;
  both.forth = std::move(std::get<0>(results));
  both.back = std::move(std::get<1>(results));
  co_return both;
}

}  // namespace bufio
