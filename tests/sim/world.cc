#include "tests/sim/world.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"

namespace uring::testing {
namespace {

constexpr size_t kHeldBytes = 4096;

void interrupted(int /*signal*/) {}

}  // namespace

// --- both ----------------------------------------------------------------------------------------

int World::add(OwnedFd ours, OwnedFd other_end) {
  int fd = ours.get();
  ours_[fd] = std::move(ours);
  other_ends_[fd] = std::move(other_end);
  attach(fd);
  return fd;
}

int World::pipe() {
  auto [reading, writing] = make_pipe();
  return add(std::move(reading), std::move(writing));
}

int World::socket() {
  auto [ours, other] = make_sockets();
  return add(std::move(ours), std::move(other));
}

int World::tcp_socket() {
  auto [ours, other] = make_tcp_sockets();
  return add(std::move(ours), std::move(other));
}

int World::listening() {
  OwnedFd fd = own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // The system finds a name.
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  bool worked = bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) == 0 &&
                listen(fd.get(), 16) == 0;
  if (!worked) std::abort();
  int number = fd.get();
  ours_[number] = std::move(fd);
  return number;
}

int World::unconnected() {
  OwnedFd fd = own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int number = fd.get();
  ours_[number] = std::move(fd);
  return number;
}

void World::knock(int fd) {
  sockaddr_storage address;
  socklen_t size = sizeof address;
  knocking_.push_back(own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (getsockname(fd, generic, &size) != 0 || connect(knocking_.back().get(), generic, size) != 0) {
    std::abort();
  }
}

int World::writing_pipe() {
  auto [reading, writing] = make_pipe();
  return add(std::move(writing), std::move(reading));
}

void World::say(std::string_view word) {
  if (!said_.empty()) said_ += ' ';
  said_ += word;
}

void World::say(const std::vector<Completion>& completions) {
  for (const Completion& completion : completions) {
    std::string word = to_text(completion);
    if (completion.more()) word += "+";
    if ((completion.flags & IORING_CQE_F_NOTIF) != 0) word += "!";
    if (completion.buffer().has_value()) word += "@" + std::to_string(*completion.buffer());
    say(word);
  }
}

void World::run(RawRing& ring, unsigned min_complete) {
  int result = ring.enter(min_complete, std::chrono::seconds(2));
  if (result < 0) say("(" + errno_text(-result) + ")");
  say(ring.completions());
}

// --- the real one --------------------------------------------------------------------------------

RealWorld::~RealWorld() {
  if (page_faults_ >= 0) ::close(page_faults_);
  if (held_ != nullptr) munmap(held_, kHeldBytes);
}

int RealWorld::file(std::string_view bytes) {
  // On a disk: reads of a memfd never complete while they are submitted.
  const char* folder = std::getenv("TEST_TMPDIR");
  int fd = open(folder != nullptr ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
      lseek(fd, 0, SEEK_SET) != 0) {
    std::abort();
  }
  ours_[fd] = own(fd);
  return fd;
}

void RealWorld::feed(int fd, std::string_view bytes) {
  ssize_t written = ::write(other_ends_.at(fd).get(), bytes.data(), bytes.size());
  if (written != static_cast<ssize_t>(bytes.size())) std::abort();
}

void RealWorld::reset(int fd) {
  linger at_once = {1, 0};
  setsockopt(other_ends_.at(fd).get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  other_ends_.erase(fd);
}

size_t RealWorld::unread(int fd) {
  int bytes = 0;
  if (ioctl(fd, FIONREAD, &bytes) != 0) std::abort();
  return static_cast<size_t>(bytes);
}

void RealWorld::fill(int fd) {
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const std::string bytes(4096, 'f');
  while (::write(fd, bytes.data(), bytes.size()) > 0) {
  }
  fcntl(fd, F_SETFL, flags);
}

void RealWorld::drain(int fd) {
  int other = other_ends_.at(fd).get();
  fcntl(other, F_SETFL, fcntl(other, F_GETFL) | O_NONBLOCK);
  std::string bytes(4096, '\0');
  while (::read(other, bytes.data(), bytes.size()) > 0) {
  }
}

char* RealWorld::held_memory() {
  auto refused = [this](const char* what) {
    give_up(std::string(what) + ": " + errno_text(errno));
    return nullptr;
  };
  page_faults_ = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  if (page_faults_ < 0) return refused("userfaultfd");
  void* page =
      mmap(nullptr, kHeldBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return refused("mmap");
  held_ = static_cast<char*>(page);
  uffdio_api api = {};
  api.api = UFFD_API;
  if (ioctl(page_faults_, UFFDIO_API, &api) != 0) return refused("UFFDIO_API");
  uffdio_register range = {};
  range.range = {reinterpret_cast<__u64>(page), kHeldBytes};
  range.mode = UFFDIO_REGISTER_MODE_MISSING;
  if (ioctl(page_faults_, UFFDIO_REGISTER, &range) != 0) return refused("UFFDIO_REGISTER");
  return held_;
}

void RealWorld::await_held() {
  pollfd entry = {page_faults_, POLLIN, 0};
  if (poll(&entry, 1, 5000) != 1) say("(nobody is held)");
}

int RealWorld::slow_file(std::string_view bytes) {
  disk_ = std::make_unique<ThrottledDisk>(bytes);
  if (!disk_->why_not().empty()) give_up(disk_->why_not());
  return disk_->fd();
}

void RealWorld::let_go() {
  if (disk_ != nullptr) {
    disk_->speed_up();
    return;
  }
  uffdio_zeropage zero = {};
  zero.range = {reinterpret_cast<__u64>(held_), kHeldBytes};
  if (ioctl(page_faults_, UFFDIO_ZEROPAGE, &zero) != 0) say("(cannot let go)");
}

void RealWorld::interrupt_waits(bool on) {
  struct sigaction action = {};
  action.sa_handler = interrupted;
  action.sa_flags = SA_RESTART;  // which waits of a ring do not heed
  sigaction(SIGALRM, &action, nullptr);
  // Again and again, since the first may come before the wait.
  timeval period = {0, on ? 5000 : 0};
  itimerval timer = {period, period};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

// --- the simulated one ---------------------------------------------------------------------------

int SimWorld::file(std::string_view bytes) {
  OwnedFd made = empty_file();
  int fd = made.get();
  kernel_.attach_file(fd, std::string(bytes));
  ours_[fd] = std::move(made);
  return fd;
}

void SimWorld::attach(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  streams_[fd] = kernel_.attach_stream(fd);
  bool is_socket = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
  streams_[fd]->set_zero_copy(is_socket && domain != AF_UNIX);
}

void SimWorld::end(int fd) {
  int access = fcntl(fd, F_GETFL) & O_ACCMODE;
  if (access != O_WRONLY) streams_.at(fd)->end();
  if (access != O_RDONLY) streams_.at(fd)->hang_up();
}

char* SimWorld::held_memory() {
  held_.assign(kHeldBytes, '\0');
  kernel_.hold(true);
  return held_.data();
}

}  // namespace uring::testing
