// uring/testing/sim_kernel.h
//
// A kernel for tests: deterministic, in one thread, in virtual time.
//
// It stands behind the same seam as the real one. It takes the Ring's real submission entries from
// the Ring's real memory and posts real completion entries; in between it does, as its Choices and
// knobs say, whatever a kernel may do: complete in any order and at any later time, read short,
// copy bytes at any moment between taking an entry and completing it, even after a cancel was asked
// for and after the ring was torn down, answer cancels in every way, fail or shorten a submission,
// interrupt a wait, repeat a completion or invent one. The same answers give the same run.
//
// It copies with ordinary instructions, so AddressSanitizer sees a buffer that was freed too early.
// In every build it looks after the rest itself: a request whose memory (SimMemory) or descriptor
// went while the kernel worked on it is a violation(), listed and never acted on.
//
// What a descriptor stands for is a SimFile or a SimStream that was attached to it; any other one
// is served by the system, when it would not block; so are listening sockets and connecting.
// docs/simulation.md says what is modelled and how that was compared with the real kernel. Not
// thread-safe; costs a few system calls (fstat) for each request, and allocates nothing once as
// many requests have been in flight as ever will be.

#ifndef URING_TESTING_SIM_KERNEL_H_
#define URING_TESTING_SIM_KERNEL_H_

#include <liburing.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uring/kernel.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_knobs.h"
#include "uring/testing/sim_objects.h"
#include "uring/testing/sim_request.h"
#include "uring/testing/sim_ring.h"

namespace uring::testing {

class SimMemory;

class SimKernel final : public Kernel {
 public:
  // `choices` must outlive it.
  explicit SimKernel(Choices& choices, SimKnobs knobs = {});
  SimKernel(const SimKernel&) = delete;
  SimKernel& operator=(const SimKernel&) = delete;
  ~SimKernel() override;

  SimKnobs& knobs() { return knobs_; }

  // --- what is there ---------------------------------------------------------------------------

  // From here on `fd`, an open descriptor, stands for this. Forgotten when the number means another
  // inode (so use a pipe, a socket, a memfd or a file of its own); a request that was taken keeps
  // what it named then.
  std::shared_ptr<SimFile> attach_file(int fd, std::string bytes);
  std::shared_ptr<SimStream> attach_stream(int fd);
  // `fd`, if it is a duplicate of a descriptor that something was attached to, stands for the same.
  void attach_duplicate(int fd);
  // Memory from `memory` is checked at each copy and completion; it must outlive the kernel.
  void watch(SimMemory& memory) { memory_ = &memory; }

  // --- letting it run --------------------------------------------------------------------------

  // One step of one request, even of a ring that was torn down; false if none can make one. To be
  // called between turns, for a kernel that works while nobody looks. Posts completions.
  bool step();
  // Requests that were not finished when their ring was torn down go on to their end. (One that
  // still waits for a stream ends, too.)
  void finish_torn_down();
  // Nothing can happen by itself, and somebody waits without a limit. Returns true if it has
  // changed that; else, and without this hook, the process ends with a message: a lost wake-up.
  std::function<bool()> on_idle;
  // While it is held the kernel finishes no request, and cancels none: what io_uring does with a
  // read that sleeps in a page fault. Waits with a limit end at their limit.
  void hold(bool held) { held_ = held; }
  // The next `times` calls of enter fail with this errno and take nothing.
  void fail_enters(int error, uint64_t times = UINT64_MAX);
  // The n-th system call from now on (enter, register or set up; 1 is the next) fails, once.
  void fail_call(uint64_t n, int error);
  // Whether fail_call has come to it.
  bool call_failed() const { return fail_call_in_ == 0; }

  TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += by; }

  // --- what happened ---------------------------------------------------------------------------

  struct Counts {
    uint64_t enters = 0;
    uint64_t calls = 0;         // enters, registrations and set-ups
    uint64_t taken = 0;         // entries, cancels and all
    uint64_t completed = 0;     // requests that came to their end, cancels and all
    uint64_t cancels = 0;       // cancel requests taken
    uint64_t overflows = 0;     // completions that found no room in the queue
    uint64_t lies = 0;          // completions that were repeated, invented or lost
    uint64_t written_late = 0;  // bytes copied after the ring was torn down
  };
  const Counts& counts() const { return counts_; }
  // Requests that were taken and have not come to their end, those of rings torn down too.
  size_t in_flight() const { return live_.size(); }
  // What must never happen, in words; a correct library leaves it empty.
  const std::vector<std::string>& violations() const { return violations_; }
  // One line for each thing that it did, oldest first; only while recording.
  void record(bool on) { recording_ = on; }
  const std::vector<std::string>& trace() const { return trace_; }

  // --- the seam --------------------------------------------------------------------------------

  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override;
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override;
  int register_with(io_uring& ring, unsigned opcode, const void* argument, unsigned count) override;
  void tear_down(io_uring& ring) override;
  // A microsecond, and a step of what is in flight.
  void pause() override {
    now_ += std::chrono::microseconds(1);
    step();
  }
  // Takes no time but the clock's.
  void sleep(std::chrono::nanoseconds duration) override { now_ += duration; }

 private:
  struct Attachment {
    DescriptorIdentity identity;
    int access;  // O_RDONLY …
    std::shared_ptr<SimObject> object;
  };
  struct Echo {
    SimRing* ring;
    SimCompletion completion;
  };

  // sim_kernel.cc: the seam
  int failed_call();
  int failed_enter();
  unsigned submit(SimRing& ring, unsigned to_submit);
  void run(SimRing& ring);
  int wait(SimRing& ring, unsigned min_complete, const __kernel_timespec* timeout);
  bool wait_for_system(const SimRing& ring);
  [[noreturn]] void report_idle() const;
  void attach(int fd, std::shared_ptr<SimObject> object);

  // sim_take.cc: from entries to requests
  bool take(SimRing& ring);
  int read_entry(const io_uring_sqe& entry, SimRequest& request);
  int read_socket_call(const io_uring_sqe& entry, SimRequest& request);
  int read_transfer(const io_uring_sqe& entry, SimRequest& request);
  void read_vectors(SimRequest& request, const iovec* vectors, size_t count);
  int find_object(SimRequest& request);
  void cancel(SimRequest& request);
  int cancel_target(SimRequest& target);

  // sim_run.cc: the steps of a request
  bool step_one(const SimRing* ring, bool last_resort);
  bool can_go_on(const SimRequest& request) const;
  bool advance_request(SimRequest& request);
  bool begin(SimRequest& request);
  bool begin_transfer(SimRequest& request);
  bool begin_socket_call(SimRequest& request);
  bool claim(SimRequest& request);
  bool fails_now(SimRequest& request);
  bool select_buffer(SimRequest& request);
  void copy(SimRequest& request);
  void copy_bytes(SimRequest& request, size_t size);
  void end(SimRequest& request, int64_t result);
  void post(SimRequest& request);
  void post_last(SimRequest& request, const SimCompletion& completion);
  void notify(SimRequest& request);
  void post_to(SimRing& ring, const SimCompletion& completion);
  void retire(SimRequest& request);
  SimRequest& fresh_request();
  bool pause(SimRequest& request);

  // sim_socket.cc: connections
  bool accept(SimRequest& request);
  bool connect(SimRequest& request);

  // sim_check.cc: what must never happen, and what did
  void check_descriptor(SimRequest& request);
  void check_all_descriptors();
  bool check_memory(SimRequest& request, const void* data, size_t size);
  void violation(const SimRequest& request, std::string_view what);
  template <class... Parts>
  void log(const Parts&... parts);
  template <class... Parts>
  void log_request(std::string_view verb, const SimRequest& request, const Parts&... parts);

  Choices& choices_;
  SimKnobs knobs_;
  SimMemory* memory_ = nullptr;
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  bool held_ = false;
  bool recording_ = false;
  bool paused_ = false;  // the step that was just made chose to stop
  int fail_enters_with_ = 0;
  uint64_t fail_enters_left_ = 0;
  int fail_call_with_ = 0;
  uint64_t fail_call_in_ = 0;
  int rings_made_ = 0;
  std::vector<std::unique_ptr<SimRing>> rings_;
  std::map<int, Attachment> attachments_;
  std::vector<std::unique_ptr<SimRequest>> live_;  // in the order of taking
  std::vector<std::unique_ptr<SimRequest>> free_;
  std::vector<Echo> echoes_;
  std::vector<size_t> candidates_;
  Counts counts_;
  std::vector<std::string> violations_;
  std::vector<std::string> trace_;
};

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_KERNEL_H_
