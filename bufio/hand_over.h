// bufio/hand_over.h
//
// What a Reader has, to a Writer, in one step.
//
//   absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
//   …
//   absl::Status status = co_await bufio::hand_over(reader, view->size(), writer);
//
// is `co_await writer.write(view->substr(0, n))` and then `reader.consume(n)`, but nothing can come
// between the two: whoever is cancelled when, what the Writer has accepted is consumed, and nothing
// else is. And large pieces (WriterOptions::copy_below) are not copied, nor is the whole of a
// buffer if the Writer has nothing else to write: it shares the Reader's buffer until the kernel
// has taken the bytes, unless that is a pool's that others may need.
//
//   outcomes  as of Writer::write; besides, FailedPrecondition if the Reader has lost the bytes
//             while the call waited for room, because somebody consumed them. More than the Reader
//             has in its buffer is a checked failure, as for consume()
//   cancel    nothing was accepted, nor consumed; of more than the high-water mark that has to be
//             copied, only the parts that went in
//   owns      nothing: Reader and Writer must outlive the call, and may go right after it
//   cost      while there is room: as write(), mostly without the copy; no allocation

#ifndef BUFIO_HAND_OVER_H_
#define BUFIO_HAND_OVER_H_

#include <array>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/reader.h"
#include "bufio/reader_state.h"
#include "bufio/window.h"
#include "bufio/write_request.h"
#include "bufio/writer.h"
#include "bufio/writer_state.h"
#include "uring/check.h"
#include "uring/piece.h"
#include "uring/ref.h"

namespace bufio {

// Accepts the first `size` bytes of a Reader's buffer once the Writer has room for them.
class HandOverRequest : public WriteRequest {
 public:
  HandOverRequest(ReaderState& from, size_t size, WriterState& to)
      : WriteRequest(to, Purpose::kAccept), from_(&from), left_(size) {}
  HandOverRequest(HandOverRequest&& other) noexcept
      : WriteRequest(std::move(other)), from_(std::move(other.from_)), left_(other.left_) {}

  // Whether `to` would share the bytes, and not copy them.
  static bool shares(const ReaderState& from, size_t size, const WriterState& to);
  absl::Status result();

 protected:
  bool satisfied() override;
  size_t moved() const { return moved_; }
  // The last `size` bytes that were moved will not be written: they are the Reader's again.
  void put_back(size_t size);

 private:
  uring::Ref<ReaderState> from_;
  size_t left_;
  size_t moved_ = 0;
  const char* behind_ = nullptr;  // what was moved last
  bool lost_ = false;
};

// hand_over's awaiter.
class [[nodiscard]] HandOverCall {
 public:
  HandOverCall(ReaderState& from, size_t size, WriterState& to)
      : from_(&from), to_(&to), size_(size) {}
  HandOverCall(HandOverCall&& other) noexcept
      : HandOverCall(*other.from_, other.size_, *other.to_) {}

  bool await_ready() {
    URING_CHECK(size_ <= from_->window().available(), "hand_over: more than is buffered");
    if (accepted()) {
      from_->consume(size_);
      return true;
    }
    request_.emplace(*from_, size_, *to_);
    return request_->begin();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return request_->suspend(waiting); }
  absl::Status await_resume() {
    return request_.has_value() ? request_->result() : absl::OkStatus();
  }

 private:
  bool accepted() {
    const Window& window = from_->window();
    if (HandOverRequest::shares(*from_, size_, *to_)) {
      return to_->try_accept(uring::Piece{window.cursor(), size_, window.buffer(), nullptr});
    }
    return to_->write_at_once(std::array<std::string_view, 1>{window.view().substr(0, size_)});
  }

  ReaderState* from_;
  WriterState* to_;
  size_t size_;
  std::optional<HandOverRequest> request_;
};

inline HandOverCall hand_over(Reader& from, size_t n, Writer& to) {
  return HandOverCall(from.state(), n, to.state());
}

}  // namespace bufio

#endif  // BUFIO_HAND_OVER_H_
