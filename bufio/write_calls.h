// bufio/write_calls.h
//
// Calls that have a Writer accept bytes: reserve, write, write_all, write_owned.
//
// Each is ready at once while there is room, and waits for room otherwise. A call that is destroyed
// while it waits has accepted nothing, but for a write of more than the high-water mark, which goes
// in by parts: Writer::pos() says how far it came.

#ifndef BUFIO_WRITE_CALLS_H_
#define BUFIO_WRITE_CALLS_H_

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "bufio/write_request.h"
#include "bufio/writer_state.h"
#include "uring/piece.h"

namespace bufio {

// Waits until bytes that lie in several places are accepted.
class AcceptRequest final : public WriteRequest {
 public:
  AcceptRequest(WriterState& state, std::span<const std::string_view> parts)
      : WriteRequest(state, Purpose::kAccept), parts_(parts) {}

  absl::Status result() { return finish(); }

 private:
  bool satisfied() override;

  std::span<const std::string_view> parts_;
  size_t part_ = 0;  // of those, accepted: only where they go in one by one
  size_t done_ = 0;  // bytes of parts_[part_] that are accepted
};

// The awaiter of write and write_all. While there is room it is a compare and a copy for each part:
// no request is made, nothing is called.
template <size_t kParts>
class [[nodiscard]] WriteCall {
 public:
  using Parts = std::array<std::string_view, kParts>;

  WriteCall(WriterState& state, const Parts& parts) : state_(&state), parts_(parts) {}
  WriteCall(WriteCall&& other) noexcept : WriteCall(*other.state_, other.parts_) {}

  bool await_ready() {
    if (state_->write_at_once(parts_)) [[likely]] {
      return true;
    }
    request_.emplace(*state_, std::span<const std::string_view>(parts_));
    return request_->begin();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return request_->suspend(waiting); }
  absl::Status await_resume() {
    if (!request_.has_value()) [[likely]] {
      return absl::OkStatus();
    }
    return request_->result();
  }

 private:
  WriterState* state_;
  Parts parts_;
  std::optional<AcceptRequest> request_;
};

// Waits until a piece is accepted.
class OwnedRequest final : public WriteRequest {
 public:
  OwnedRequest(WriterState& state, uring::Piece piece)
      : WriteRequest(state, Purpose::kAccept), piece_(std::move(piece)) {}
  OwnedRequest(OwnedRequest&& other) noexcept
      : WriteRequest(std::move(other)), piece_(std::move(other.piece_)) {}

  absl::Status result() { return finish(); }

 private:
  bool satisfied() override;

  uring::Piece piece_;
};

// Waits until the chunks of a Cord are accepted, all together.
class CordRequest final : public WriteRequest {
 public:
  CordRequest(WriterState& state, absl::Cord cord)
      : WriteRequest(state, Purpose::kAccept), cord_(std::move(cord)) {}
  CordRequest(CordRequest&& other) noexcept
      : WriteRequest(std::move(other)), cord_(std::move(other.cord_)) {}

  absl::Status result() { return finish(); }

 private:
  bool satisfied() override;

  absl::Cord cord_;
};

// Waits until a range of a file is accepted.
class FileRequest final : public WriteRequest {
 public:
  FileRequest(WriterState& state, uring::Piece range)
      : WriteRequest(state, Purpose::kAccept), range_(std::move(range)) {}
  FileRequest(FileRequest&& other) noexcept
      : WriteRequest(std::move(other)), range_(std::move(other.range_)) {}

  absl::Status result();

 private:
  bool satisfied() override;

  uring::Piece range_;
};

// The awaiter of those calls of which each costs a request.
template <class Request>
class [[nodiscard]] AcceptCall {
 public:
  template <class Bytes>
  AcceptCall(WriterState& state, Bytes bytes) : request_(state, std::move(bytes)) {}

  bool await_ready() { return request_.begin(); }
  bool await_suspend(std::coroutine_handle<> waiting) { return request_.suspend(waiting); }
  absl::Status await_resume() { return request_.result(); }

 private:
  Request request_;
};

using WriteSpanCall = AcceptCall<AcceptRequest>;
using WriteOwnedCall = AcceptCall<OwnedRequest>;
using WriteFileCall = AcceptCall<FileRequest>;
using WriteCordCall = AcceptCall<CordRequest>;

// Waits for contiguous room.
class RoomRequest final : public WriteRequest {
 public:
  RoomRequest(WriterState& state, size_t size)
      : WriteRequest(state, Purpose::kAccept), size_(size) {}

  absl::StatusOr<std::span<char>> result();

 private:
  bool satisfied() override;

  size_t size_;
};

// reserve's awaiter. While there is room it is one compare.
class [[nodiscard]] ReserveCall {
 public:
  ReserveCall(WriterState& state, size_t size) : state_(&state), size_(std::max(size, size_t{1})) {}
  ReserveCall(ReserveCall&& other) noexcept : ReserveCall(*other.state_, other.size_) {}

  bool await_ready() {
    room_ = state_->try_reserve(size_);
    if (!room_.empty()) [[likely]] {
      return true;
    }
    request_.emplace(*state_, size_);
    return request_->begin();
  }
  bool await_suspend(std::coroutine_handle<> waiting) { return request_->suspend(waiting); }
  absl::StatusOr<std::span<char>> await_resume() {
    if (!request_.has_value()) [[likely]] {
      return room_;
    }
    return request_->result();
  }

 private:
  WriterState* state_;
  size_t size_;
  std::span<char> room_;
  std::optional<RoomRequest> request_;
};

}  // namespace bufio

#endif  // BUFIO_WRITE_CALLS_H_
