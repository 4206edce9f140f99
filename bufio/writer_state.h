// bufio/writer_state.h
//
// The heap half of a Writer: the queue of accepted bytes, the call that waits, and the sink.
//
// It outlives its Writer's coroutines and moves: destroying an awaiting coroutine only unlinks its
// call; what was accepted is written all the same. The hot half (the queue's room) is inline; what
// takes bytes away is virtual and cold. Subclasses are the sinks: descriptor_sink.h,
// memory_writer.cc, sink.cc.
//
//   at rest    nothing to write
//   gathering  hooked into the Ring (submit_hook.h): sends at the end of the loop's turn
//   sending    a write is in flight; what is accepted meanwhile goes with the next one

#ifndef BUFIO_WRITER_STATE_H_
#define BUFIO_WRITER_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/call_deadline.h"
#include "bufio/write_queue.h"
#include "bufio/write_request.h"
#include "bufio/writer_options.h"
#include "uring/check.h"
#include "uring/descriptor.h"
#include "uring/frame_allocator.h"
#include "uring/piece.h"
#include "uring/ref.h"
#include "uring/ring_core.h"
#include "uring/submit_hook.h"
#include "uring/time.h"

namespace bufio {

class WriterState : public uring::RefCounted<WriterState>,
                    public uring::RecycledObject,
                    private uring::SubmitHook {
 public:
  virtual ~WriterState() = default;

  // --- the fast way in ---------------------------------------------------------------------------
  const WriteQueue& queue() const { return queue_; }
  // All of them or none. False: ask the slow way, as for nothing at all.
  template <size_t kParts>
  bool try_write(const std::array<std::string_view, kParts>& parts) {
    size_t total = 0;
    for (std::string_view part : parts) total += part.size();
    if (total - 1 >= queue_.room()) return false;
    for (std::string_view part : parts) {
      if (!part.empty()) queue_.append(part.data(), part.size());
    }
    return true;
  }
  // Lends all the room that there is, if that is `n` bytes, at least one; none otherwise.
  std::span<char> try_reserve(size_t n) {
    return n - 1 < queue_.room() ? queue_.reserve() : std::span<char>();
  }
  void commit(size_t n) {
    URING_CHECK(n <= queue_.reserved(), "commit: more than is reserved");
    queue_.commit(n);
    if (!arranged()) bytes_accepted();
  }

  // --- what calls ask ----------------------------------------------------------------------------
  // OK while calls for `purpose` make sense at all.
  absl::Status usable(WriteRequest::Purpose purpose);
  // Whether `n` bytes fit below the high-water mark; for a call that `waited`, only once enough has
  // left.
  bool room_for(size_t n, bool waited) const;
  void accept(std::string_view bytes);
  // For a call that need not wait: the first one after the Writer has been at rest.
  bool try_accept(std::span<const std::string_view> parts);
  // The fast way in, or else that.
  template <size_t kParts>
  bool write_at_once(const std::array<std::string_view, kParts>& parts) {
    return try_write(parts) || try_accept(parts);
  }
  bool try_accept(uring::Piece piece);
  // Takes in as many as there is room for; returns how many.
  size_t accept_some(std::string_view bytes, bool waited);
  // The same for `n` bytes that are memory already, and may be more than the mark: once enough has
  // left.
  bool room_for_owned(size_t n, bool waited) const;
  void accept(uring::Piece piece);
  // Has `n` bytes lent at the cursor.
  bool make_room(size_t n, bool waited);
  std::span<char> reserved() { return std::span<char>(queue_.cursor(), queue_.reserved()); }
  size_t high_water() const { return high_water_; }
  size_t copy_below() const { return copy_below_; }
  // Has what was accepted so far sent, even if nothing is sent by itself.
  void push();
  const absl::Status& error() const { return error_; }
  // For a call that returns it: it need not be reported in another way.
  const absl::Status& tell_error();
  // "/var/log/x at offset 17": where things go wrong.
  std::string where() const;
  uring::RingCore* ring() const { return ring_.get(); }

  // --- control -----------------------------------------------------------------------------------
  void set_deadline(std::optional<uring::TimePoint> deadline) { deadline_.set(*this, deadline); }
  void interrupt();
  // The Writer handle is gone: lets go of everything, reports what is lost, and fails the call that
  // waits.
  void writer_gone();
  // From here on nothing is accepted, whatever room there is.
  void set_closed();
  void set_shut_down();
  WriterStats stats() const { return stats_; }

  // --- what sinks provide ------------------------------------------------------------------------
  virtual std::string_view name() const = 0;
  // Starts to bring what the kernel has taken to the disk (`data_only`: without what is not needed
  // to find it again); false while an earlier one has not ended. Its outcome is in sync_status()
  // when sync_ended().
  virtual bool start_sync(bool data_only);
  virtual bool sync_ended() const { return true; }
  virtual absl::Status sync_status() const;
  // Everything is written: the other end is to see the end of the stream.
  virtual absl::Status shut_down();
  // It is the kernel that looks at what is accepted, and ranges of files may be (file_transfer.h).
  virtual bool writes_to_descriptor() const { return false; }
  // Gives the descriptor up, while nothing is in flight. Null: there is none.
  virtual uring::Ref<uring::Descriptor> take_descriptor() { return nullptr; }
  // While nothing is in flight: closes the descriptor, and says how it went.
  virtual absl::Status close_descriptor() { return absl::OkStatus(); }
  // Lets go of what is in flight. Nothing is told to the state any more.
  virtual void retire() = 0;

 protected:
  // `ring` null: a sink that never waits. `start`: the offset of the first byte.
  WriterState(uring::Ref<uring::RingCore> ring, uint64_t start, const WriterOptions& options);

  // Starts to write what is in front of the queue; it is not empty, and nothing is in flight. Ends
  // in wrote() or fail(), at once or from the run loop.
  virtual void send() = 0;
  // A Writer that is destroyed may write what it has left, at once.
  virtual void last_words() {}

  WriteQueue& mutable_queue() { return queue_; }
  // The first `n` bytes are written, and nothing is in flight.
  void wrote(size_t n);
  // What was not written never will be.
  void fail(absl::Status error);
  // From the run loop: something that a call may have waited for.
  void progress();
  uring::BufferCache& buffers() { return *buffers_; }
  WriterStats& mutable_stats() { return stats_; }

 private:
  friend class WriteRequest;
  friend class CallDeadline<WriterState>;
  using OnDrop = std::function<void(const DroppedBytes&)>;

  bool begin(WriteRequest& request);
  bool suspend(WriteRequest& request, std::coroutine_handle<> waiting);
  void leave(WriteRequest& request);
  bool advance(WriteRequest& request);
  void fail_pending(absl::Status status);
  void wake(WriteRequest& request);
  void deadline_expired();
  bool open() const { return pending_ == nullptr && error_.ok() && !closed_ && !shut_down_; }
  bool open_at_once() const;
  size_t allowance() const;
  // What is accepted will be sent without further ado, or is to wait.
  bool arranged() const { return linked() || sending_ || !gathers_; }
  void bytes_accepted();
  void arrange_sending();
  void about_to_submit() override;
  void start_sending();
  void refresh();
  void report_drop();

  WriteQueue queue_;
  WriteRequest* pending_ = nullptr;
  absl::Status error_;
  size_t high_water_;
  size_t low_water_;
  std::unique_ptr<const OnDrop> on_drop_;
  uint64_t push_until_ = 0;  // so far bytes are to be sent even if it does not gather
  uring::Ref<uring::RingCore> ring_;
  uring::Ref<uring::BufferCache> buffers_;
  CallDeadline<WriterState> deadline_;
  WriterStats stats_;
  uint32_t copy_below_;
  bool gathers_;            // sends by itself at the end of a turn
  bool sending_ = false;    // a write is in flight
  bool advancing_ = false;  // a call is being looked at
  bool closed_ = false;
  bool shut_down_ = false;
  bool error_told_ = false;
};

inline WriteRequest::WriteRequest(WriterState& state, Purpose purpose)
    : state_(&state), purpose_(purpose) {}
inline WriteRequest::WriteRequest(WriteRequest&& other) noexcept
    : state_(other.state_), purpose_(other.purpose_) {}
inline bool WriteRequest::begin() { return state_->begin(*this); }
inline bool WriteRequest::suspend(std::coroutine_handle<> waiting) {
  return state_->suspend(*this, waiting);
}
inline void WriteRequest::detach() {
  if (keep_) state_->leave(*this);
}
inline WriteRequest::~WriteRequest() { detach(); }

}  // namespace bufio

#endif  // BUFIO_WRITER_STATE_H_
