// tests/simulate/world.h
//
// A few Rings on one system, those who use them, and whoever says that something is wrong.
//
// Actors get at everything through the World: rings may be gone at any time, and come back as
// others. It turns the loops, keeps the far ends of streams, and looks at what must hold for
// everybody: counters, memory, descriptors.

#ifndef TESTS_SIMULATE_WORLD_H_
#define TESTS_SIMULATE_WORLD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/descriptor_watch.h"
#include "tests/simulate/feeder.h"
#include "tests/simulate/system.h"
#include "uring/ring.h"

namespace bufio::simulate {

using LineSink = std::function<void(std::string_view line)>;

// How the Rings are made.
struct RingShape {
  size_t rings = 1;
  unsigned entries = 16;
  unsigned completion_entries = 128;
  unsigned max_in_flight = 64;
  size_t cache_bytes = 0;
  size_t extra_buffers = 0;  // that a pool may make
};

class World {
 public:
  // `trace` is told what happens, a line each; none: nobody listens.
  World(std::unique_ptr<System> system, const RingShape& shape, LineSink trace);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  System& system() { return *system_; }
  DescriptorWatch& descriptors() { return descriptors_; }

  // --- rings -------------------------------------------------------------------------------------
  size_t rings() const { return rings_.size(); }
  size_t extra_buffers() const { return shape_.extra_buffers; }
  // Null while there is none.
  uring::Ring* ring(size_t index) { return rings_[index].ring ? &*rings_[index].ring : nullptr; }
  // Changes whenever the ring is destroyed.
  uint64_t ring_generation(size_t index) const { return rings_[index].generation; }
  void destroy_ring(size_t index);
  void make_ring(size_t index);
  // One turn, unless it would never end. Bytes come if they must.
  void turn(size_t index);
  // Which one was turned last; it may be sleeping.
  size_t turned() const { return turned_; }
  // On one of them requests wait for others to make room: who asks for bytes may not be asleep.
  bool starved();
  // How many turns the ring has made.
  uint64_t turns(size_t index) const { return rings_[index].turns; }

  // --- streams -----------------------------------------------------------------------------------
  // A pipe or socket from which `text` will come, and the descriptor to read it from, which is to
  // be closed once. `error` and `most` as for Feeder. The far end lives as long as the World.
  Feeder& make_stream(StreamKind kind, std::string text, int error, uint64_t seed, int& fd,
                      size_t most = SIZE_MAX);
  // A file, to be closed once.
  int make_file(const std::string& text) {
    return descriptors_.expect_close(system_->make_file(text));
  }

  // Somewhere to write to, and the descriptor for it, which is to be closed once. The Outlet lives
  // as long as the World.
  Outlet& make_sink(StreamKind kind, size_t room, int& fd);
  Outlet& make_output(const std::string& text, bool appends, int& fd);

  // A connected socket, to be closed once, and both directions of its far end.
  struct Connection {
    int fd = -1;
    Feeder* feeder = nullptr;
    Outlet* outlet = nullptr;
  };
  Connection make_connection(std::string text, int error, uint64_t seed, size_t room);

  // `fd`, which was given away, is read on by somebody who is to close it once.
  void passed_on(int fd) {
    system_->passed_on(fd);
    descriptors_.forget(fd);
    descriptors_.expect_close(fd);
  }

  // `fd` belongs to the test, which closes it in the end: nobody else may.
  int lend(int fd) {
    descriptors_.forget(fd);
    lent_.push_back(fd);
    return fd;
  }

  // --- actors ------------------------------------------------------------------------------------
  void add(std::unique_ptr<Actor> actor) { actors_.push_back(std::move(actor)); }
  size_t actors() const { return actors_.size(); }
  Actor& actor(size_t index) { return *actors_[index]; }
  // After each step: what must hold for everybody.
  void check();
  // Has the actors come to an orderly end.
  void wind_up();
  // Everybody lets go of everything, the loops run until all is quiet, the Rings go: nothing may be
  // left behind.
  void end();

  // --- what happened -----------------------------------------------------------------------------
  // A line of the trace; free of cost while nobody records.
  template <class... Parts>
  void note(const Parts&... parts) {
    if (!trace_) return;
    take_kernel_trace();
    trace_(absl::StrCat(parts...));
  }
  // The first thing that went wrong is what counts.
  void fail(std::string_view what);
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  // What is to be looked at when nobody works on anything any more; says what is wrong, or nothing.
  void at_the_end(std::function<std::string()> look) { last_looks_.push_back(std::move(look)); }
  // Requests were leaked, as it must be when the kernel does not let go of them.
  bool leaked() const { return leaked_; }

 private:
  struct RingPlace {
    std::optional<uring::Ring> ring;
    uint64_t generation = 0;
    uint64_t turns = 0;
  };

  void take_kernel_trace();
  bool feed_anybody();
  // Requests wait for others to make room.
  bool starved(size_t index);
  bool quiet(size_t index);
  void settle(size_t index);
  void take_lent_back();
  void check_ring(size_t index, bool at_the_end);
  void ring_leaked(std::string_view report);

  std::unique_ptr<System> system_;
  RingShape shape_;
  LineSink trace_;
  bool leaked_ = false;
  bool letting_go_ = false;
  DescriptorWatch descriptors_;
  std::vector<int> lent_;
  std::vector<std::unique_ptr<Feeder>> feeders_;
  std::vector<std::unique_ptr<Outlet>> outlets_;
  std::vector<std::function<std::string()>> last_looks_;
  std::vector<RingPlace> rings_;
  size_t turned_ = 0;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::string failure_;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_WORLD_H_
