#include "bufio/tee.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "bufio/narrowing_state.h"
#include "bufio/write_request.h"
#include "bufio/writer_state.h"
#include "uring/piece.h"
#include "uring/ref.h"
#include "uring/sanitizer.h"
#include "uring/status.h"

namespace bufio {
namespace {

// Knows which bytes the sink has, those in front of where the window holds them, and not what it
// is. After bytes were put back that place is behind the cursor, and nothing is due.
class TeeState : public NarrowingState {
 protected:
  explicit TeeState(ParentHandle parent) : NarrowingState(std::move(parent)) {
    window().hold_from(window().pos());
  }

  // Gives the sink what was consumed since the last time.
  void deliver() {
    std::string_view bytes = window().look_back();
    if (bytes.empty()) return;
    window().hold_from(window().pos());
    give(bytes);
  }

 private:
  virtual void give(std::string_view bytes) = 0;

  size_t kept() override {
    deliver();
    return 0;
  }
};

class TeeToFunction final : public TeeState {
 public:
  TeeToFunction(ParentHandle parent, TeeSink sink)
      : TeeState(std::move(parent)), sink_(std::move(sink)) {
    start();
  }

 private:
  void give(std::string_view bytes) override { sink_(bytes); }

  TeeSink sink_;
};

class TeeToWriter final : public TeeState {
 public:
  TeeToWriter(ParentHandle parent, Writer& sink)
      : TeeState(std::move(parent)), writer_(&sink.state()), room_(*this, *writer_) {
    start();
  }

 private:
  // Waits until the Writer has room.
  class Room final : public WriteRequest {
   public:
    Room(TeeToWriter& tee, WriterState& writer)
        : WriteRequest(writer, Purpose::kAccept), tee_(tee) {}

    using Outcome = ParentReader::Filled;
    // kMore: there is.
    Outcome wait() {
      if (waiting_) return Outcome::kLater;
      if (state().room_for_owned(1, /*waited=*/false)) return Outcome::kMore;
      waiting_ = !begin();
      if (waiting_) {
        static_cast<void>(suspend({}));  // its deadline may have passed
        waiting_ = !done();
      }
      if (waiting_) return Outcome::kLater;
      return end() ? Outcome::kMore : Outcome::kFailed;
    }
    void pause() {
      if (std::exchange(waiting_, false)) detach();
    }

   private:
    bool satisfied() override { return state().room_for_owned(1, /*waited=*/true); }
    void call_ended() override {
      if (!std::exchange(waiting_, false)) return;
      static_cast<void>(end());
      tee_.parent_ready();
    }
    bool end() {
      absl::Status failure = finish();
      bool ended_well = failure.ok();
      if (!ended_well) tee_.fail_call(std::move(failure));
      return ended_well;
    }

    TeeToWriter& tee_;
    bool waiting_ = false;
  };

  Supply supply() override {
    deliver();
    absl::Status usable = writer_->usable(WriteRequest::Purpose::kAccept);
    if (!usable.ok()) {
      set_error(uring::annotate(usable, "tee"));
      return Supply::kMore;
    }
    switch (room_.wait()) {
      case ParentReader::Filled::kLater:
        return Supply::kLater;
      case ParentReader::Filled::kFailed:
        return Supply::kMore;
      case ParentReader::Filled::kMore:
        break;
    }
    return NarrowingState::supply();
  }

  void call_left() override {
    room_.pause();
    NarrowingState::call_left();
  }

  void give(std::string_view bytes) override {
    if (!writer_->usable(WriteRequest::Purpose::kAccept).ok()) return;
    const uring::Ref<uring::Buffer>& buffer = window().buffer();
    // AddressSanitizer would see the Writer look at bytes that are no view any more.
    if (buffer && bytes.size() >= writer_->copy_below() && !uring::kAddressSanitizer) {
      writer_->accept(uring::Piece{bytes.data(), bytes.size(), buffer, nullptr});
    } else {
      writer_->accept(bytes);
    }
  }

  uring::Ref<WriterState> writer_;
  Room room_;
};

}  // namespace

Reader tee(ParentHandle parent, TeeSink sink) {
  return Reader(uring::make_ref<TeeToFunction>(std::move(parent), std::move(sink)));
}

Reader tee(ParentHandle parent, Writer& sink) {
  return Reader(uring::make_ref<TeeToWriter>(std::move(parent), sink));
}

}  // namespace bufio
