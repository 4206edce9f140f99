#include "tests/simulate/real_system.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "tests/guard_memory.h"
#include "tests/simulate/end_watch.h"
#include "tests/simulate/fresh_address.h"
#include "uring/linux_kernel.h"

namespace bufio::simulate {
namespace {

using uring::testing::Choices;

void check(bool worked) {
  if (!worked) std::abort();
}

// The far end as a descriptor.
class WritingEnd final : public FarEnd {
 public:
  explicit WritingEnd(int fd) : fd_(fd) { fcntl(fd, F_SETFL, O_NONBLOCK); }
  WritingEnd(const WritingEnd&) = delete;
  WritingEnd& operator=(const WritingEnd&) = delete;
  ~WritingEnd() override { end(); }

  size_t write(std::string_view bytes) override {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    // Nobody reads any more: it is as good as written.
    if (written < 0 && errno == EPIPE) return bytes.size();
    check(written > 0 || errno == EAGAIN);
    return static_cast<size_t>(std::max<ssize_t>(written, 0));
  }
  void end() override {
    if (fd_ < 0) return;
    // Of a connection it is one direction that ends.
    ::shutdown(fd_, SHUT_WR);
    ::close(std::exchange(fd_, -1));
  }
  bool fail(int) override { return false; }

 private:
  int fd_;
};

class ReadingEnd final : public Outlet {
 public:
  explicit ReadingEnd(int fd) : fd_(fd) { fcntl(fd, F_SETFL, O_NONBLOCK); }
  ReadingEnd(const ReadingEnd&) = delete;
  ReadingEnd& operator=(const ReadingEnd&) = delete;
  ~ReadingEnd() override { close_it(); }

  const std::string& bytes() override { return bytes_; }
  bool prompt() const override { return false; }
  void make_room(size_t bytes) override { take(bytes); }
  bool make_room_if_full() override { return take(kSomeBytes) > 0; }
  void open_up() override {
    while (take(kSomeBytes) > 0) {
    }
  }
  bool hang_up(int error) override {
    if (error != EPIPE) return false;
    open_up();
    close_it();
    return true;
  }
  bool ended() override {
    open_up();
    return ended_ || fd_ < 0;
  }

 private:
  static constexpr size_t kSomeBytes = 4096;

  size_t take(size_t most) {
    if (fd_ < 0 || most == 0) return 0;
    std::string piece(most, '\0');
    const ssize_t count = ::read(fd_, piece.data(), most);
    check(count >= 0 || errno == EAGAIN || errno == ECONNRESET);
    // A peer that is gone without having read all.
    ended_ |= count == 0 || (count < 0 && errno == ECONNRESET);
    const auto size = static_cast<size_t>(std::max<ssize_t>(count, 0));
    bytes_.append(piece, 0, size);
    return size;
  }
  void close_it() {
    if (fd_ < 0) return;
    ::shutdown(fd_, SHUT_RD);
    ::close(std::exchange(fd_, -1));
  }

  int fd_;
  std::string bytes_;
  bool ended_ = false;
};

class RealFileOutlet final : public Outlet {
 public:
  explicit RealFileOutlet(int fd) : fd_(fcntl(fd, F_DUPFD_CLOEXEC, 0)) {}
  RealFileOutlet(const RealFileOutlet&) = delete;
  RealFileOutlet& operator=(const RealFileOutlet&) = delete;
  ~RealFileOutlet() override { ::close(fd_); }

  const std::string& bytes() override {
    struct stat status;
    check(fstat(fd_, &status) == 0);
    bytes_.resize(static_cast<size_t>(status.st_size));
    const ssize_t count = pread(fd_, bytes_.data(), bytes_.size(), 0);
    check(count == static_cast<ssize_t>(bytes_.size()));
    return bytes_;
  }

 private:
  int fd_;
  std::string bytes_;
};

class PlaguedKernel final : public uring::LinuxKernel {
 public:
  PlaguedKernel(Choices& choices, bool plain, std::function<bool()>& on_idle)
      : choices_(choices), plagued_(!plain), on_idle_(on_idle) {}

  uring::TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += by; }
  uint64_t faults() const { return faults_; }
  EndWatch& ends() { return ends_; }
  const EndWatch& ends() const { return ends_; }

  // The time that a Ring wants to wait is the test's, the time that passes is not. So a look is
  // taken for as long as a worker thread may need, then somebody is asked for bytes.
  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    const unsigned seen = *ring.cq.ktail;
    look_at_entries(ring);
    ends_.look_at_entries(ring);
    int result = take(ring, to_submit, min_complete, flags);
    for (int looks = 0; result == -ETIME; ++looks) {
      if (on_idle_ && on_idle_()) {
        looks = 0;
      } else if (timeout != nullptr && looks >= (syncs_.empty() ? kPatience : kDiskPatience)) {
        advance(std::chrono::seconds(timeout->tv_sec) + std::chrono::nanoseconds(timeout->tv_nsec));
        break;
      }
      result = take(ring, 0, min_complete, flags);
    }
    ends_.look_at_completions(ring);
    spoil(ring, seen);
    return result;
  }
  void tear_down(io_uring& ring) override {
    std::erase_if(syncs_, [&ring](const auto& sync) { return sync.first == ring.ring_fd; });
    LinuxKernel::tear_down(ring);
  }

 private:
  static constexpr int kPatience = 20;
  static constexpr int kDiskPatience = 10'000;  // 3 s

  int take(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags) {
    constexpr __kernel_timespec kLook = {.tv_sec = 0, .tv_nsec = 300'000};
    return LinuxKernel::enter(ring, to_submit, min_complete, flags,
                              min_complete > 0 ? &kLook : nullptr);
  }

  // Notes which requests are reads at an offset, and which wait for a disk.
  void look_at_entries(const io_uring& ring) {
    for (unsigned at = *ring.sq.khead; at != *ring.sq.ktail; ++at) {
      // Where there is an array of entries, a Ring has them in order (linux_kernel.cc).
      const io_uring_sqe& entry = ring.sq.sqes[at & ring.sq.ring_mask];
      const bool read = entry.opcode == IORING_OP_READ || entry.opcode == IORING_OP_READ_FIXED;
      const std::pair<int, uint64_t> request = {ring.ring_fd, entry.user_data};
      if (plagued_ && read && entry.off != UINT64_MAX) positional_.push_back(request);
      if (entry.opcode == IORING_OP_FSYNC) syncs_.push_back(request);
    }
  }

  // Those can be made again, so what they brought may be taken away from them. What is read from a
  // stream would be gone.
  void spoil(io_uring& ring, unsigned seen) {
    for (unsigned at = seen; at != io_uring_smp_load_acquire(ring.cq.ktail); ++at) {
      io_uring_cqe& entry = ring.cq.cqes[at & ring.cq.ring_mask];
      if (entry.res == -EFAULT) ++faults_;
      const std::pair<int, uint64_t> request = {ring.ring_fd, entry.user_data};
      std::erase(syncs_, request);
      if (std::erase(positional_, request) == 0 || entry.res <= 0) continue;
      const uint32_t dice = choices_.below(8);
      if (dice == 7) entry.res = -EINTR;
      if (dice > 4 && entry.res > 1) {
        entry.res = 1 + static_cast<int>(choices_.below(static_cast<uint32_t>(entry.res)));
      }
    }
  }

  Choices& choices_;
  bool plagued_;
  std::function<bool()>& on_idle_;
  uring::TimePoint now_ = uring::TimePoint(std::chrono::hours(1));
  uint64_t faults_ = 0;
  EndWatch ends_;
  std::vector<std::pair<int, uint64_t>> positional_;
  std::vector<std::pair<int, uint64_t>> syncs_;
};

class RealSystem final : public System {
 public:
  RealSystem(Choices& choices, bool plain) : kernel_(choices, plain || choices.one_in(2), on_idle) {
    std::signal(SIGPIPE, SIG_IGN);
  }

  uring::Kernel& kernel() override { return kernel_; }
  std::pmr::memory_resource& memory() override { return memory_; }
  bool fixed_buffers() const override { return false; }
  void advance(std::chrono::nanoseconds by) override { kernel_.advance(by); }

  int make_file(const std::string& text) override {
    // Reads of a memfd go through worker threads; those of a file on disk complete at once.
    const char* folder = std::getenv("TEST_TMPDIR");
    int fd = open(folder != nullptr ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) fd = memfd_create("text", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
          lseek(fd, 0, SEEK_SET) == 0);
    return fd;
  }
  int make_stream(StreamKind kind, std::unique_ptr<FarEnd>& far_end) override {
    int ends[2];
    check(kind == StreamKind::kPipe
              ? pipe2(ends, O_CLOEXEC) == 0
              : socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    far_end = std::make_unique<WritingEnd>(ends[1]);
    passed_on(ends[0]);
    return ends[0];
  }
  int make_sink(StreamKind kind, size_t room, std::unique_ptr<Outlet>& outlet) override {
    int ends[2];
    if (kind == StreamKind::kPipe) {
      check(pipe2(ends, O_CLOEXEC) == 0);
      // No smaller than a page.
      if (room < SIZE_MAX) check(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    } else {
      check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      if (room < SIZE_MAX) limit_sending(ends[1]);
    }
    outlet = std::make_unique<ReadingEnd>(ends[0]);
    return ends[1];
  }
  int make_connection(size_t room, std::unique_ptr<FarEnd>& far_end,
                      std::unique_ptr<Outlet>& outlet) override {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    if (room < SIZE_MAX) limit_sending(ends[1]);
    far_end = std::make_unique<WritingEnd>(fcntl(ends[0], F_DUPFD_CLOEXEC, 0));
    outlet = std::make_unique<ReadingEnd>(ends[0]);
    passed_on(ends[1]);
    return ends[1];
  }
  int make_output(const std::string& text, bool appends, std::unique_ptr<Outlet>& outlet) override {
    const int fd = make_file(text);
    check(!appends || fcntl(fd, F_SETFL, O_APPEND) == 0);
    outlet = std::make_unique<RealFileOutlet>(fd);
    return fd;
  }
  void passed_on(int fd) override { kernel_.ends().begin(fd); }

  uring::SocketAddress make_address(bool tcp) override {
    return tcp ? fresh_tcp_address() : fresh_unix_address();
  }
  bool has_network() const override { return true; }

  // Its worker threads want a processor, too, while a loop never sleeps.
  bool step() override {
    if (++steps_ % kStepsPerNap == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    return false;
  }
  bool hold(bool) override { return false; }
  bool held() const override { return false; }
  void finish_torn_down() override {}
  size_t in_flight() const override { return 0; }
  size_t live_blocks() const override { return memory_.allocated() - memory_.retired(); }

  bool may_fail_with(int) const override { return false; }
  bool may_get_stuck() const override { return false; }
  bool lies() const override { return false; }
  std::string complaints() const override {
    if (kernel_.ends().asked_again()) return "a stream was asked again after its end";
    return kernel_.faults() == 0 ? "" : "the kernel wrote to memory that is gone";
  }
  std::string describe() const override { return "the real kernel"; }
  void record() override {}
  std::vector<std::string> take_trace() override { return {}; }

 private:
  static constexpr uint64_t kStepsPerNap = 50;

  // To the least that a socket can have.
  static void limit_sending(int fd) {
    const int least = 1;
    check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
  }

  uint64_t steps_ = 0;
  uring::testing::GuardMemory memory_;
  PlaguedKernel kernel_;
};

}  // namespace

std::unique_ptr<System> make_real_system(Choices& choices, bool plain) {
  return std::make_unique<RealSystem>(choices, plain);
}

}  // namespace bufio::simulate
