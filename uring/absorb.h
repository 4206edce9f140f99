// uring/absorb.h
//
// What is absorbed of the completions of a request that transfers bytes: interruptions, and
// descriptors that are not ready.
//
// EINTR says nothing about the bytes, and EAGAIN (of a descriptor that is non-blocking) only that
// they are not there yet; neither is an answer to whoever wants them. So the request is sent again,
// after EAGAIN behind a poll. Once somebody asked for its cancelling it is not: what is sent again
// is a new request, which nobody asked to cancel.
//
// Part of an operation; no system calls, no allocation.

#ifndef URING_ABSORB_H_
#define URING_ABSORB_H_

#include <cerrno>
#include <cstdint>
#include <utility>

namespace uring {

class Absorber {
 public:
  enum class Next : uint8_t {
    kDeliver,  // it is over
    kSend,     // send the request (again)
    kPoll,     // poll the descriptor; the poll's completion comes here, too
  };

  // Of a new request.
  void reset() {
    polling_ = false;
    unready_ = 0;
  }

  // Of a new request that is sent behind a poll in any case.
  void reset_for_poll() {
    polling_ = true;
    unready_ = 0;
  }

  // Whether `result` of a request needs no next(): bytes have come, or gone.
  bool plain(int32_t result) const { return result > 0 && !polling_; }

  // What to do about a completion of the request, or of the poll that was sent in its place.
  // `result` becomes ECANCELED where `cancelled` is why the request is not sent again.
  Next next(int32_t& result, bool cancelled) {
    const bool polled = std::exchange(polling_, false);
    const bool ready = polled && result >= 0;
    if (cancelled && (ready || result == -EAGAIN || result == -EINTR)) {
      result = -ECANCELED;
      return Next::kDeliver;
    }
    if (ready || (result == -EINTR && !polled)) return Next::kSend;
    if (result == -EINTR || (result == -EAGAIN && ++unready_ < kMaxUnready)) {
      polling_ = true;
      return Next::kPoll;
    }
    return Next::kDeliver;
  }

 private:
  // A descriptor that polls as ready and then says EAGAIN (XFS does, for a moment) is believed
  // after so many times.
  static constexpr uint32_t kMaxUnready = 1000;

  uint32_t unready_ = 0;  // EAGAINs in a row
  bool polling_ = false;
};

}  // namespace uring

#endif  // URING_ABSORB_H_
