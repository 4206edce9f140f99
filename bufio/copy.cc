#include "bufio/copy.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <tuple>
#include <utility>

#include "uring/piece.h"
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
class HandOver final : public WriteRequest {
 public:
  HandOver(Reader& from, Writer& to, std::string_view view)
      : WriteRequest(to.state(), Purpose::kAccept), from_(&from.state()), view_(view) {}
  HandOver(HandOver&& other) noexcept
      : WriteRequest(std::move(other)), from_(std::move(other.from_)), view_(other.view_) {}

  bool await_ready() { return begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return suspend(waiting); }
  // An error, or OK when all is written.
  absl::Status await_resume() {
    absl::Status failure = finish();
    return failure.ok() ? state().tell_error() : failure;
  }

 private:
  bool satisfied() override {
    bool failed = !state().error().ok();
    if (!moved_) {
      if (failed || !state().room_for_owned(view_.size(), waiting())) return false;
      moved_ = true;
      move_over();
    } else if (failed) {
      put_back();
      return true;
    }
    return state().queue().unwritten() == 0;
  }

  void move_over() {
    const uring::Ref<uring::Buffer>& buffer = from_->window().buffer();
    if (buffer && view_.size() >= state().copy_below()) {
      state().accept(uring::Piece{view_.data(), view_.size(), buffer, nullptr});
    } else {
      state().accept(view_);
    }
    from_->consume(view_.size());
  }

  void put_back() {
    size_t lost = std::min(state().queue().unwritten(), view_.size());
    if (lost == 0 || from_->closed()) return;
    from_->window().unread(view_.substr(view_.size() - lost), from_->buffers());
  }

  uring::Ref<ReaderState> from_;
  std::string_view view_;
  bool moved_ = false;
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
    bool shared = static_cast<bool>(from.state().window().buffer());
    uint64_t most = std::min<uint64_t>(n - result.bytes, shared ? filled->size() : kCopiedPiece);
    result.write_error = co_await HandOver(from, to, filled->substr(0, static_cast<size_t>(most)));
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
