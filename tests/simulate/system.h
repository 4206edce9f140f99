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
#include "uring/socket_address.h"

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

// Where bytes come out that are written.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // All that has come out so far; valid until the next call.
  virtual const std::string& bytes() = 0;
  // Whether what was written comes out at once; not where it rests in a pipe until it is read.
  virtual bool prompt() const { return true; }
  // Lets so many bytes more in.
  virtual void make_room(size_t /*bytes*/) {}
  // Lets some in if there is no room. True: it did.
  virtual bool make_room_if_full() { return false; }
  // Lets all in that will ever come.
  virtual void open_up() {}
  // Writing fails from now on: with this errno, and then with EPIPE. False: that cannot be had.
  virtual bool hang_up(int /*error*/) { return false; }
  // Whether the writer has shown the end of the stream.
  virtual bool ended() { return false; }
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
  // The writing end of a pipe or socket, with room for so many bytes (about).
  virtual int make_sink(StreamKind kind, size_t room, std::unique_ptr<Outlet>& outlet) = 0;
  // A connected socket: what comes from its far end, and where what is written to it comes out.
  virtual int make_connection(size_t room, std::unique_ptr<FarEnd>& far_end,
                              std::unique_ptr<Outlet>& outlet) = 0;
  // A file with a text in it, to be written to at offsets, or, if it `appends`, at its end.
  virtual int make_output(const std::string& text, bool appends,
                          std::unique_ptr<Outlet>& outlet) = 0;
  // Somebody else reads on from this one, which may be a duplicate, and may ask anew whether it has
  // ended.
  virtual void passed_on(int fd) = 0;

  // Where a listener may listen, and nobody else does.
  virtual uring::SocketAddress make_address(bool tcp) = 0;
  // Whether there is TCP: not where a run is a function of its seeds, since packets take their own
  // time. A connect that finds no room in the backlog fails with EAGAIN where there is none; else
  // it waits, and a listener needs a large one.
  virtual bool has_network() const = 0;

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
