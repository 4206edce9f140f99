// tests/writer/writer_testing.h
//
// Writers to every kind of descriptor, and the peer that sees what they have written.
//
// A rig makes the Writer and keeps the other end. Nothing here asserts what a Writer does.

#ifndef TESTS_WRITER_WRITER_TESTING_H_
#define TESTS_WRITER_WRITER_TESTING_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "uring/ring.h"

namespace bufio::testing {

enum class SinkKind : uint8_t {
  kFile,          // from the descriptor's own position on
  kFileAtOffset,  // behind 100 other bytes, at offsets
  kAppendedFile,  // opened with O_APPEND, behind 100 other bytes
  kPipe,
  kNonblockingPipe,
  kUnixSocket,
  kTcpSocket,
  kNonblockingSocket,
};
inline constexpr SinkKind kAllSinks[] = {
    SinkKind::kFile,      SinkKind::kFileAtOffset,     SinkKind::kAppendedFile,
    SinkKind::kPipe,      SinkKind::kNonblockingPipe,  SinkKind::kUnixSocket,
    SinkKind::kTcpSocket, SinkKind::kNonblockingSocket};

inline std::string sink_name(SinkKind kind) {
  constexpr const char* kNames[] = {"File",      "FileAtOffset",     "AppendedFile",
                                    "Pipe",      "NonblockingPipe",  "UnixSocket",
                                    "TcpSocket", "NonblockingSocket"};
  return kNames[static_cast<int>(kind)];
}

#define INSTANTIATE_EVERY_SINK(suite)                               \
  INSTANTIATE_TEST_SUITE_P(                                         \
      All, suite, ::testing::ValuesIn(::bufio::testing::kAllSinks), \
      [](const auto& each) { return ::bufio::testing::sink_name(each.param); })

inline bool is_file(SinkKind kind) { return kind <= SinkKind::kAppendedFile; }
inline bool is_socket(SinkKind kind) { return kind >= SinkKind::kUnixSocket; }

struct SocketEnds {
  int writer = -1;
  int peer = -1;
};

// Two connected TCP sockets of this machine.
inline SocketEnds new_tcp_pair() {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  SocketEnds ends;
  ends.writer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected = bind(listener, generic, size) == 0 && listen(listener, 1) == 0 &&
                   getsockname(listener, generic, &size) == 0 &&
                   connect(ends.writer, generic, size) == 0;
  ends.peer = connected ? accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) : -1;
  if (ends.peer < 0) std::abort();
  close(listener);
  return ends;
}

// The other end of a Writer.
class SinkRig {
 public:
  SinkRig(uring::Ring& ring, SinkKind kind, WriterOptions options = {}) : kind_(kind) {
    int fd = is_file(kind) ? make_file(options) : make_stream();
    writer_.emplace(adopt_fd_for_writing(ring, fd, std::move(options)));
    fd_ = fd;
  }
  SinkRig(const SinkRig&) = delete;
  SinkRig& operator=(const SinkRig&) = delete;
  ~SinkRig() {
    writer_.reset();
    hang_up();
  }

  Writer& writer() { return *writer_; }
  SinkKind kind() const { return kind_; }
  // The Writer's descriptor, for as long as it is open.
  int fd() const { return fd_; }
  int peer() const { return peer_; }
  // What pos() is at the first byte.
  uint64_t start() const { return kind_ == SinkKind::kFileAtOffset ? kBefore : 0; }
  void drop_writer() { writer_.reset(); }
  void move_writer() {
    Writer elsewhere = std::move(*writer_);
    writer_.emplace(std::move(elsewhere));
  }

  // Takes what is there, up to `most` bytes, without waiting. In a file: all that is new.
  void read_some(size_t most = SIZE_MAX) {
    std::string chunk(64 << 10, '\0');
    while (most > 0 && peer_ >= 0) {
      size_t step = std::min(most, chunk.size());
      ssize_t got = is_file(kind_) ? pread(peer_, chunk.data(), step,
                                           static_cast<off_t>(before_ + seen.size()))
                                   : read(peer_, chunk.data(), step);
      if (got <= 0) {
        ended_ = got == 0 && !is_file(kind_);
        return;
      }
      seen.append(chunk, 0, static_cast<size_t>(got));
      most -= static_cast<size_t>(got);
    }
  }
  // All that the Writer says it has written: on TCP it is on its way then.
  void catch_up() {
    for (read_some(); seen.size() < writer().written() - start() && !ended_; read_some()) wait();
  }
  // All that comes, when the stream has ended.
  void read_to_end() {
    for (read_some(); !is_file(kind_) && !ended_; read_some()) wait();
  }
  // The same while the Ring's loop goes on: `turn` is one turn of it, which enters the kernel. A
  // write that a worker of the kernel's has made may hold the file after its completion, until the
  // Ring's thread is in the kernel again (seen on Linux 6.18 with deferred task work).
  template <class Turn>
  void read_to_end(Turn turn) {
    int patience = 100;
    for (read_some(); !is_file(kind_) && !ended_; read_some()) {
      if (readable_within(100)) continue;
      if (--patience == 0) std::abort();
      turn();
    }
  }
  // Whether the last read_some found the end of the stream.
  bool ended() const { return ended_; }
  void hang_up() {
    if (peer_ >= 0) ::close(std::exchange(peer_, -1));
  }

  // What the peer has got.
  std::string seen;

 private:
  static constexpr size_t kBefore = 100;

  bool readable_within(int milliseconds) const {
    pollfd readable = {peer_, POLLIN, 0};
    return poll(&readable, 1, milliseconds) > 0;
  }
  void wait() const {
    if (!readable_within(10000)) std::abort();
  }

  int make_file(WriterOptions& options) {
    std::string path = ::testing::TempDir() + "/sink_XXXXXX";
    int fd = mkstemp(path.data());
    if (fd < 0) std::abort();
    if (kind_ != SinkKind::kFile) {
      before_ = kBefore;
      if (write(fd, std::string(kBefore, '-').data(), kBefore) != kBefore) std::abort();
    }
    peer_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::close(fd);
    fd = open(path.c_str(),
              O_WRONLY | O_CLOEXEC | (kind_ == SinkKind::kAppendedFile ? O_APPEND : 0));
    unlink(path.c_str());
    if (kind_ == SinkKind::kFileAtOffset) options.offset = kBefore;
    return fd;
  }

  int make_stream() {
    int ends[2] = {-1, -1};
    bool nonblocking = kind_ == SinkKind::kNonblockingPipe || kind_ == SinkKind::kNonblockingSocket;
    if (kind_ == SinkKind::kTcpSocket) {
      SocketEnds pair = new_tcp_pair();
      ends[0] = pair.peer;
      ends[1] = pair.writer;
    } else if (is_socket(kind_)) {
      if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    } else if (pipe2(ends, O_CLOEXEC) != 0) {
      std::abort();
    }
    peer_ = ends[0];
    fcntl(peer_, F_SETFL, O_NONBLOCK);
    if (nonblocking) fcntl(ends[1], F_SETFL, O_NONBLOCK);
    // Little room, so that much must wait.
    if (!is_socket(kind_)) fcntl(ends[1], F_SETPIPE_SZ, 4096);
    int least = 1;
    // (TCP would wait for its timers then.)
    bool local = is_socket(kind_) && kind_ != SinkKind::kTcpSocket;
    if (local) setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    return ends[1];
  }

  SinkKind kind_;
  int fd_ = -1;
  int peer_ = -1;
  size_t before_ = 0;
  bool ended_ = false;
  std::optional<Writer> writer_;
};

}  // namespace bufio::testing

#endif  // TESTS_WRITER_WRITER_TESTING_H_
