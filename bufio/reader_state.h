// bufio/reader_state.h
//
// The heap half of a Reader: the window, the call that waits, and the source.
//
// It outlives its Reader's coroutines and moves: destroying an awaiting coroutine only unlinks its
// call, and what is in flight goes on and lands here. The hot half (the window) is inline; what
// brings bytes is virtual and cold. Subclasses are the sources: descriptor_source.h,
// memory_source.h, custom_source.h.

#ifndef BUFIO_READER_STATE_H_
#define BUFIO_READER_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/call_deadline.h"
#include "bufio/fill_request.h"
#include "bufio/parse_mark.h"
#include "bufio/reader_options.h"
#include "bufio/scan_mark.h"
#include "bufio/window.h"
#include "uring/check.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/ref.h"
#include "uring/ring_core.h"
#include "uring/sanitizer.h"
#include "uring/time.h"

namespace bufio {

class ReaderState : public uring::RefCounted<ReaderState>, public uring::RecycledObject {
 public:
  virtual ~ReaderState() = default;

  // --- the window --------------------------------------------------------------------------------
  Window& window() { return window_; }
  const Window& window() const { return window_; }
  void consume(size_t n) {
    URING_CHECK(n <= window_.available(), "consume: more than is buffered");
    window_.consume(n);
  }
  // No call waits: the window may be lent as it is.
  bool free() const { return pending_ == nullptr; }
  // A call waits for something that has not come yet.
  bool awaited() const;
  void expire_views() {
    if constexpr (uring::kAddressSanitizer) window_.expire_views();
  }

  // --- what calls ask ----------------------------------------------------------------------------
  // No byte will be added to the window any more: the end, or an error, has been reached.
  bool final() const { return ended_ || !error_.ok(); }
  const absl::Status& error() const { return error_; }
  bool closed() const { return closed_; }
  // OK while fill-class calls make sense at all: neither closed nor released.
  absl::Status usable() const;
  size_t max_buffer_size() const { return max_buffer_size_; }
  // "/var/log/x at offset 17": where things go wrong, `ahead` bytes behind the cursor.
  std::string where(size_t ahead = 0) const;
  absl::Status too_long(std::string_view what, size_t limit) const;
  // What calls have found out about bytes that are still in the window.
  ScanMark& scan_mark() { return marks().scan; }
  ParseMark& parse_mark() { return marks().parse; }
  void clear_scan_mark() {
    if (marks_) marks_->scan.clear();
  }
  // The rest of a line that was too long is to be dropped, up to its newline.
  // Holds at the cursor where it was set: whoever moves the cursor otherwise has dropped it
  // himself.
  bool discarding_line() const { return discard_pos_ == window_.pos(); }
  void set_discarding_line(bool discarding) {
    discard_pos_ = discarding ? window_.pos() : kNowhere;
  }
  uring::BufferCache& buffers() { return *buffers_; }
  // Null: a source that never waits.
  uring::RingCore* ring() const { return ring_.get(); }

  // --- control -----------------------------------------------------------------------------------
  void set_deadline(std::optional<uring::TimePoint> deadline) { deadline_.set(*this, deadline); }
  void interrupt();
  // The Reader handle is gone: lets go of everything, and fails the call that waits.
  void reader_gone();

  // --- what sources provide ----------------------------------------------------------------------
  virtual std::string_view name() const = 0;
  virtual ReaderStats stats() const;
  virtual absl::StatusOr<uint64_t> size();
  virtual absl::Status seek(uint64_t pos);
  // With an empty window: passes over up to `n` bytes without reading them; returns how many. 0:
  // read them.
  virtual uint64_t skip_ahead(uint64_t n);
  // Cancels what is in flight but keeps the bytes that come all the same; true when nothing is in
  // flight.
  virtual bool quiesce() { return true; }
  // Quiescent: adds what has arrived to the window.
  virtual void collect() {}
  // What release() hands out has no descriptor: it is somebody else's.
  virtual bool keeps_descriptor() const { return false; }
  // Quiescent: gives the descriptor up. Null: there is none.
  virtual uring::Ref<uring::Descriptor> take_descriptor() { return nullptr; }
  void set_closed() { closed_ = true; }
  virtual void retire() = 0;

 protected:
  enum class Supply { kMore, kLater };

  // `ring` null: a source that never waits.
  ReaderState(uring::Ref<uring::RingCore> ring, const ReaderOptions& options);

  // Brings bytes: adds to the window, or sets the end or an error (kMore); or has seen to it that
  // progress() will be called (kLater).
  virtual Supply supply() = 0;
  // From the run loop: there is something new.
  void progress();
  // The call that waits, or is being served, may buffer this much.
  size_t buffer_limit() const;
  // Has the call that is being served pass through the run loop, though it is satisfied.
  void ask_for_turn() { turn_wanted_ = true; }
  // The call that is being served ends with `failure`, of which nothing stays.
  void fail_call(absl::Status failure);
  // The call that waited does so no more, whatever ended it.
  virtual void call_left() {}
  // Has an adaptor that stands on this Reader give the window back, or take it again.
  void reclaim_window();
  void lend_window_again();
  // The same when this Reader, or one below it, is being destroyed.
  void give_window_up();

  void set_ended(bool ended) { ended_ = ended; }
  // The first one stays.
  void set_error(absl::Status error) {
    if (error_.ok()) error_ = std::move(error);
  }

 private:
  friend class FillRequest;
  friend class CallDeadline<ReaderState>;
  // Made when a call needs it: who only passes bytes on never does.
  struct Marks final : public uring::RecycledObject {
    ScanMark scan;
    ParseMark parse;
  };

  Marks& marks() {
    if (!marks_) [[unlikely]] {
      marks_ = std::make_unique<Marks>();
    }
    return *marks_;
  }
  bool begin(FillRequest& request);
  bool suspend(FillRequest& request, std::coroutine_handle<> waiting);
  void leave(FillRequest& request);
  bool advance(FillRequest& request);
  bool hold(FillRequest& request);
  void pause(FillRequest& request);
  void fail_pending(absl::Status status);
  void wake(FillRequest& request);
  void deadline_expired();

  Window window_;
  FillRequest* pending_ = nullptr;
  bool ended_ = false;
  bool closed_ = false;
  bool turn_wanted_ = false;
  static constexpr uint64_t kNowhere = UINT64_MAX;

  uint64_t discard_pos_ = kNowhere;
  absl::Status error_;
  size_t max_buffer_size_;
  std::unique_ptr<Marks> marks_;
  uring::Ref<uring::RingCore> ring_;
  uring::Ref<uring::BufferCache> buffers_;
  CallDeadline<ReaderState> deadline_;
};

inline FillRequest::FillRequest(ReaderState& state) : state_(&state) {}
inline FillRequest::FillRequest(FillRequest&& other) noexcept : state_(other.state_) {}
inline bool FillRequest::begin() { return state_->begin(*this); }
inline bool FillRequest::suspend(std::coroutine_handle<> waiting) {
  return state_->suspend(*this, waiting);
}
inline void FillRequest::detach() {
  if (keep_) state_->leave(*this);
}
inline FillRequest::~FillRequest() { detach(); }
inline bool FillRequest::hold() { return state_->hold(*this); }
inline void FillRequest::pause() { state_->pause(*this); }
inline bool FillRequest::holds() const { return state_->pending_ == this; }
inline bool ReaderState::awaited() const { return pending_ != nullptr && !pending_->done_; }
inline absl::Status FillRequest::finish() {
  detach();
  return std::move(failure_);
}

}  // namespace bufio

#endif  // BUFIO_READER_STATE_H_
