#include "tests/simulate/sim_system.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulate/end_watch.h"
#include "tests/simulate/fresh_address.h"
#include "uring/kernel.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

namespace bufio::simulate {
namespace {

using uring::testing::Choices;
using uring::testing::SimKernel;
using uring::testing::SimKnobs;
using uring::testing::SimStream;

void check(bool worked) {
  if (!worked) std::abort();
}

class SimFarEnd final : public FarEnd {
 public:
  explicit SimFarEnd(std::shared_ptr<SimStream> stream) : stream_(std::move(stream)) {}

  size_t write(std::string_view bytes) override {
    stream_->feed(bytes);
    return bytes.size();
  }
  void end() override { stream_->end(); }
  bool fail(int error) override {
    stream_->fail(error);
    stream_->end();
    return true;
  }

 private:
  std::shared_ptr<SimStream> stream_;
};

// A pipe or socket: `other` is its real far end, on which only the end of the stream is seen.
class SimStreamOutlet final : public Outlet {
 public:
  SimStreamOutlet(std::shared_ptr<SimStream> stream, int other, bool socket)
      : stream_(std::move(stream)), other_(other), socket_(socket) {}
  ~SimStreamOutlet() override { ::close(other_); }

  const std::string& bytes() override { return stream_->written(); }
  void make_room(size_t bytes) override {
    if (stream_->room() < SIZE_MAX - bytes) stream_->set_room(stream_->room() + bytes);
  }
  bool make_room_if_full() override {
    if (stream_->room() > 0) return false;
    stream_->set_room(kSomeRoom);
    return true;
  }
  void open_up() override { stream_->set_room(SIZE_MAX); }
  bool hang_up(int error) override {
    if (error == EPIPE) {
      stream_->hang_up();
    } else {
      stream_->fail_writing(error);
    }
    return true;
  }
  bool ended() override {
    pollfd entry = {other_, static_cast<short>(socket_ ? POLLRDHUP : 0), 0};
    return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP)) != 0;
  }

 private:
  static constexpr size_t kSomeRoom = 50;

  std::shared_ptr<SimStream> stream_;
  int other_;
  bool socket_;
};

class SimFileOutlet final : public Outlet {
 public:
  explicit SimFileOutlet(std::shared_ptr<uring::testing::SimFile> file) : file_(std::move(file)) {}
  const std::string& bytes() override { return file_->bytes(); }

 private:
  std::shared_ptr<uring::testing::SimFile> file_;
};

class WatchedKernel final : public uring::Kernel {
 public:
  WatchedKernel(uring::Kernel& inner, EndWatch& ends) : inner_(inner), ends_(ends) {}

  uring::TimePoint now() const override { return inner_.now(); }
  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override {
    return inner_.set_up(entries, params, ring);
  }
  int register_with(io_uring& ring, unsigned opcode, const void* argument,
                    unsigned count) override {
    return inner_.register_with(ring, opcode, argument, count);
  }
  void tear_down(io_uring& ring) override { inner_.tear_down(ring); }
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    ends_.look_at_entries(ring);
    const int result = inner_.enter(ring, to_submit, min_complete, flags, timeout);
    ends_.look_at_completions(ring);
    return result;
  }

 private:
  uring::Kernel& inner_;
  EndWatch& ends_;
};

class SimSystem final : public System {
 public:
  SimSystem(Choices& choices, const SimKnobs& knobs) : knobs_(knobs), kernel_(choices, knobs) {
    kernel_.watch(memory_);
    kernel_.on_idle = [this] { return on_idle && on_idle(); };
  }

  uring::Kernel& kernel() override { return watched_; }
  std::pmr::memory_resource& memory() override { return memory_; }
  bool fixed_buffers() const override { return true; }
  void advance(std::chrono::nanoseconds by) override { kernel_.advance(by); }

  // What is read is the simulated one; the real one says what kind it is, and how large.
  int make_file(const std::string& text) override {
    const int fd = memfd_create("text", MFD_CLOEXEC);
    check(fd >= 0 && ftruncate(fd, static_cast<off_t>(text.size())) == 0);
    kernel_.attach_file(fd, text);
    return fd;
  }
  int make_stream(StreamKind kind, std::unique_ptr<FarEnd>& far_end) override {
    int fd = -1;
    if (kind == StreamKind::kSocket) {
      fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      check(fd >= 0);
    } else {
      int ends[2];
      check(pipe2(ends, O_CLOEXEC) == 0);
      fd = ends[0];
      ::close(ends[1]);
    }
    far_end = std::make_unique<SimFarEnd>(kernel_.attach_stream(fd));
    passed_on(fd);
    return fd;
  }
  int make_sink(StreamKind kind, size_t room, std::unique_ptr<Outlet>& outlet) override {
    int ends[2];
    const bool socket = kind == StreamKind::kSocket;
    check(socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0
                 : pipe2(ends, O_CLOEXEC) == 0);
    std::shared_ptr<SimStream> stream = kernel_.attach_stream(ends[1]);
    stream->set_room(room);
    outlet = std::make_unique<SimStreamOutlet>(std::move(stream), ends[0], socket);
    return ends[1];
  }
  int make_connection(size_t room, std::unique_ptr<FarEnd>& far_end,
                      std::unique_ptr<Outlet>& outlet) override {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    std::shared_ptr<SimStream> stream = kernel_.attach_stream(ends[1]);
    stream->set_room(room);
    far_end = std::make_unique<SimFarEnd>(stream);
    outlet = std::make_unique<SimStreamOutlet>(std::move(stream), ends[0], /*socket=*/true);
    passed_on(ends[1]);
    return ends[1];
  }
  int make_output(const std::string& text, bool appends, std::unique_ptr<Outlet>& outlet) override {
    const int fd = memfd_create("output", MFD_CLOEXEC);
    check(fd >= 0 && (!appends || fcntl(fd, F_SETFL, O_APPEND) == 0));
    outlet = std::make_unique<SimFileOutlet>(kernel_.attach_file(fd, text));
    return fd;
  }
  void passed_on(int fd) override {
    kernel_.attach_duplicate(fd);
    ends_.begin(fd);
  }

  uring::SocketAddress make_address(bool /*tcp*/) override { return fresh_unix_address(); }
  bool has_network() const override { return false; }

  bool step() override { return kernel_.step(); }
  bool hold(bool held) override {
    held_ = held;
    kernel_.hold(held);
    return true;
  }
  bool held() const override { return held_; }
  void record() override { kernel_.record(true); }
  void finish_torn_down() override { kernel_.finish_torn_down(); }
  size_t in_flight() const override { return kernel_.in_flight(); }
  size_t live_blocks() const override { return memory_.live_blocks(); }

  bool may_fail_with(int error) const override {
    return knobs_.error_one_in > 0 &&
           std::find(knobs_.errors.begin(), knobs_.errors.end(), error) != knobs_.errors.end();
  }
  bool may_get_stuck() const override {
    return knobs_.cancel_not_found_one_in > 0 || knobs_.cancel_already_one_in > 0 ||
           knobs_.cancel_late_one_in > 0;
  }
  bool lies() const override { return knobs_.repeat_one_in > 0 || knobs_.unknown_one_in > 0; }
  std::string complaints() const override {
    if (ends_.asked_again()) return "a stream was asked again after its end";
    return kernel_.violations().empty() ? "" : kernel_.violations().front();
  }
  std::string describe() const override { return "a simulated kernel"; }
  std::vector<std::string> take_trace() override {
    const std::vector<std::string>& all = kernel_.trace();
    std::vector<std::string> fresh(all.begin() + static_cast<ptrdiff_t>(traced_), all.end());
    traced_ = all.size();
    return fresh;
  }

 private:
  const SimKnobs knobs_;
  uring::testing::SimMemory memory_;
  SimKernel kernel_;
  EndWatch ends_;
  WatchedKernel watched_{kernel_, ends_};
  bool held_ = false;
  size_t traced_ = 0;
};

}  // namespace

std::unique_ptr<System> make_sim_system(Choices& choices, bool plain) {
  return make_sim_system(choices, plain ? SimKnobs() : uring::testing::random_knobs(choices));
}

std::unique_ptr<System> make_sim_system(Choices& choices, const SimKnobs& knobs) {
  return std::make_unique<SimSystem>(choices, knobs);
}

}  // namespace bufio::simulate
