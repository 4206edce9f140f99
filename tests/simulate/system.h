// tests/simulate/system.h
//
// What a program runs on: a kernel whose clock and whose whims the test has in its hand, memory
// that tells who touches it too late, and the far ends of the streams.
//
// Two of them: SimSystem over the simulated kernel, where a run is a function of its seeds, and
// RealSystem over the real one, where it nearly is.

#ifndef TESTS_SIMULATE_SYSTEM_H_
#define TESTS_SIMULATE_SYSTEM_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "uring/kernel.h"

namespace bufio::simulate {

// The far end of a pipe or socket.
class FarEnd {
 public:
  virtual ~FarEnd() = default;
  // How many of these bytes the stream takes now; at least one, or it is full.
  virtual size_t write(std::string_view bytes) = 0;
  // Nothing more will come.
  virtual void end() = 0;
  // Behind what has been written, reading fails with this errno; then it has ended. False: that
  // cannot be had here.
  virtual bool fail(int error) = 0;
};

enum class StreamKind { kPipe, kSocket };

class System {
 public:
  virtual ~System() = default;

  virtual uring::Kernel& kernel() = 0;
  virtual std::pmr::memory_resource& memory() = 0;
  // Whether buffers may be registered: not where only the page tables protect freed memory.
  virtual bool fixed_buffers() const = 0;
  // Lets time pass.
  virtual void advance(std::chrono::nanoseconds by) = 0;

  // --- descriptors, owned by the caller ----------------------------------------------------------
  virtual int make_file(const std::string& text) = 0;
  virtual int make_stream(StreamKind kind, std::unique_ptr<FarEnd>& far_end) = 0;
  // Somebody else reads on from this one, and may ask anew whether it has ended.
  virtual void passed_on(int fd) = 0;

  // --- the kernel's own life ---------------------------------------------------------------------
  // Called when the kernel has nothing to do and somebody waits for it: changes that, or returns
  // false.
  std::function<bool()> on_idle;
  // Makes one step between turns, if it can.
  virtual bool step() = 0;
  // While it is held no request is finished. False: that cannot be had here.
  virtual bool hold(bool held) = 0;
  virtual bool held() const = 0;
  // Requests of rings that were torn down come to their end.
  virtual void finish_torn_down() = 0;
  virtual size_t in_flight() const = 0;
  virtual size_t live_blocks() const = 0;

  // --- what may happen ---------------------------------------------------------------------------
  // Reads fail with an errno by themselves.
  virtual bool may_fail_with(int error) const = 0;
  // A request may outlive its Ring's patience.
  virtual bool may_get_stuck() const = 0;
  // Completions come that answer nothing.
  virtual bool lies() const = 0;
  // What must never happen, in words: empty while all is well.
  virtual std::string complaints() const = 0;
  virtual std::string describe() const = 0;
  // From now on what the kernel does is recorded; the lines since the last call.
  virtual void record() = 0;
  virtual std::vector<std::string> take_trace() = 0;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_SYSTEM_H_
