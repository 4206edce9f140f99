// tests/sim/world.h
//
// A kernel, and the other ends of what it reads: the real ones, or simulated ones.
//
// The same script runs in both worlds and says what it saw, one word after the other. So the
// simulated kernel is calibrated: what the real one did has to be among what the other may do.

#ifndef TESTS_SIM_WORLD_H_
#define TESTS_SIM_WORLD_H_

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/raw_ring.h"
#include "tests/sim/throttled_disk.h"
#include "uring/linux_kernel.h"
#include "uring/owned_fd.h"
#include "uring/testing/sim_kernel.h"

namespace uring::testing {

class World {
 public:
  virtual ~World() = default;

  virtual Kernel& kernel() = 0;
  virtual bool is_simulated() const { return false; }

  // --- what there is to read and to write; descriptors are the world's until close()
  virtual int file(std::string_view bytes) = 0;
  // The reading end of a pipe, or one end of a pair of sockets. The world has the other.
  int pipe();
  int socket();
  // The same over TCP.
  int tcp_socket();
  // The writing end of a pipe.
  int writing_pipe();
  // A Unix socket that listens, and one that is not connected yet; both are the system's in both
  // worlds.
  int listening();
  int unconnected();
  // Somebody connects to a listening one.
  void knock(int fd);
  void close(int fd) { ours_.erase(fd); }

  // --- what the other end does
  virtual void feed(int fd, std::string_view bytes) = 0;
  // It is closed: the end, to a reader; nobody there, to a writer.
  virtual void end(int fd) = 0;
  // It is closed by force, as TCP resets a connection.
  virtual void reset(int fd) = 0;
  virtual size_t unread(int fd) = 0;
  // Uses up a writer's room, and gives some back.
  virtual void fill(int fd) = 0;
  virtual void drain(int fd) = 0;

  // --- holding the kernel up: a read into this memory (4096 bytes) stops in its midst until
  // let_go. Null, with a reason in why_not(), where that cannot be had.
  virtual char* held_memory() = 0;
  virtual void await_held() = 0;
  virtual void let_go() = 0;

  // A file whose direct reads (of whole blocks of 4096 bytes) stay in flight, but for one, from
  // slow_down to let_go. -1, with a reason in why_not(), where that cannot be had.
  virtual int slow_file(std::string_view bytes) = 0;
  virtual void slow_down() = 0;

  // Requests of rings that were torn down go on; the real kernel's do by themselves.
  virtual void finish_torn_down() {}

  // Interrupts the waits that follow, until it is called with false.
  virtual void interrupt_waits(bool on) = 0;

  // --- what was seen
  void say(std::string_view word);
  // "1:5+@3": request, result or error, more to come, number of the buffer. "1:0!": a notification.
  void say(const std::vector<Completion>& completions);
  // Enters, waiting for so many (for 2 seconds at most), and says what came.
  void run(RawRing& ring, unsigned min_complete = 0);
  const std::string& said() const { return said_; }

  // Why this script cannot be run here; empty if it can.
  const std::string& why_not() const { return why_not_; }
  void give_up(std::string why_not) { why_not_ = std::move(why_not); }

 protected:
  virtual void attach(int fd) = 0;
  int add(OwnedFd ours, OwnedFd other_end);

  std::map<int, OwnedFd> ours_;
  std::map<int, OwnedFd> other_ends_;

 private:
  std::vector<OwnedFd> knocking_;
  std::string said_;
  std::string why_not_;
};

class RealWorld final : public World {
 public:
  RealWorld() = default;
  ~RealWorld() override;

  Kernel& kernel() override { return kernel_; }
  int file(std::string_view bytes) override;
  void feed(int fd, std::string_view bytes) override;
  void end(int fd) override { other_ends_.erase(fd); }
  void reset(int fd) override;
  size_t unread(int fd) override;
  void fill(int fd) override;
  void drain(int fd) override;
  char* held_memory() override;
  void await_held() override;
  void let_go() override;
  int slow_file(std::string_view bytes) override;
  void slow_down() override { disk_->slow_down(); }
  void interrupt_waits(bool on) override;

 private:
  void attach(int /*fd*/) override {}

  LinuxKernel kernel_;
  int page_faults_ = -1;
  char* held_ = nullptr;
  std::unique_ptr<ThrottledDisk> disk_;
};

class SimWorld final : public World {
 public:
  SimWorld(Choices& choices, SimKnobs knobs) : kernel_(choices, std::move(knobs)) {}

  SimKernel& kernel() override { return kernel_; }
  bool is_simulated() const override { return true; }
  void finish_torn_down() override { kernel_.finish_torn_down(); }
  int file(std::string_view bytes) override;
  void feed(int fd, std::string_view bytes) override { streams_.at(fd)->feed(bytes); }
  void end(int fd) override;
  void reset(int fd) override { streams_.at(fd)->fail_writing(ECONNRESET); }
  size_t unread(int fd) override { return streams_.at(fd)->unread(); }
  void fill(int fd) override { streams_.at(fd)->set_room(0); }
  void drain(int fd) override { streams_.at(fd)->set_room(size_t{1} << 16); }
  char* held_memory() override;
  void await_held() override {}
  void let_go() override { kernel_.hold(false); }
  int slow_file(std::string_view bytes) override { return file(bytes); }
  void slow_down() override { kernel_.hold(true); }
  void interrupt_waits(bool on) override { kernel_.knobs().interrupted_wait_one_in = on ? 1 : 0; }

 private:
  void attach(int fd) override;

  SimKernel kernel_;
  std::map<int, std::shared_ptr<SimStream>> streams_;
  std::string held_;
};

}  // namespace uring::testing

#endif  // TESTS_SIM_WORLD_H_
