// The program //examples:ncat: each direction passes its end on and leaves the other alone.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/program.h"

namespace testing_programs {
namespace {

using testing::HasSubstr;

const std::string kNcat = built("examples/ncat");

// Reads at most `size` bytes, up to the end of the stream.
std::string read_up_to(int fd, size_t size) {
  std::string text;
  std::array<char, 1 << 16> bytes;
  pollfd readable = {fd, POLLIN, 0};
  while (text.size() < size && poll(&readable, 1, 30'000) == 1) {
    const ssize_t got = read(fd, bytes.data(), std::min(bytes.size(), size - text.size()));
    if (got <= 0) break;
    text.append(bytes.data(), static_cast<size_t>(got));
  }
  return text;
}
std::string read_to_end(int fd) { return read_up_to(fd, SIZE_MAX); }

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    text.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

// The program, with socket pairs for its three standard streams.
class Ncat {
 public:
  explicit Ncat(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kNcat);
    std::array<std::array<int, 2>, 3> pairs;
    for (auto& pair : pairs)
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0) << errno;
    Program program;
    program.arguments = std::move(arguments);
    program.in = pairs[0][1];
    program.out = pairs[1][1];
    program.err = pairs[2][1];
    process_ = program.start();
    for (size_t i = 0; i < 3; ++i) {
      fds_[i] = pairs[i][0];
      close(pairs[i][1]);
    }
  }
  Ncat(const Ncat&) = delete;
  Ncat& operator=(const Ncat&) = delete;
  ~Ncat() {
    if (process_ > 0) {
      kill(process_, SIGKILL);
      wait();
    }
    for (const int fd : fds_) close(fd);
  }

  int in() const { return fds_[0]; }
  int out() const { return fds_[1]; }
  int err() const { return fds_[2]; }
  void end_input() { ::shutdown(in(), SHUT_WR); }
  void break_output() { close(std::exchange(fds_[1], -1)); }
  // Where it listens, as it says.
  std::string address() const {
    std::string line;
    while (!line.ends_with('\n')) {
      std::string byte = read_up_to(err(), 1);
      if (byte.empty()) break;
      line += byte;
    }
    const std::string expected = "listening on ";
    return line.starts_with(expected)
               ? line.substr(expected.size(), line.size() - expected.size() - 1)
               : "";
  }
  int wait() { return wait_for(std::exchange(process_, -1)); }

 private:
  pid_t process_;
  std::array<int, 3> fds_;
};

// A peer that does not know of rings: listens at a port of 127.0.0.1 and accepts one connection.
class Peer {
 public:
  Peer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, size), 0) << errno;
    EXPECT_EQ(listen(listener_, 1), 0) << errno;
    EXPECT_EQ(getsockname(listener_, generic, &size), 0) << errno;
    port_ = std::to_string(ntohs(address.sin_port));
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    close(fd_);
    close(listener_);
  }

  const std::string& port() const { return port_; }
  int accept_one() {
    pollfd readable = {listener_, POLLIN, 0};
    EXPECT_EQ(poll(&readable, 1, 30'000), 1);
    fd_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    return fd_;
  }
  void reset() {
    linger hard = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(std::exchange(fd_, -1));
  }

 private:
  int listener_;
  int fd_ = -1;
  std::string port_;
};

TEST(Ncat, TheEndOfItsInputIsTheEndOfItsHalf) {
  Peer peer;
  Ncat ncat({"localhost", peer.port()});
  const int fd = peer.accept_one();
  ASSERT_TRUE(write_all(ncat.in(), "question"));
  ncat.end_input();
  EXPECT_EQ(read_to_end(fd), "question");
  ASSERT_TRUE(write_all(fd, "answer"));
  ::shutdown(fd, SHUT_WR);
  EXPECT_EQ(read_to_end(ncat.out()), "answer");
  EXPECT_EQ(ncat.wait(), 0);
}

TEST(Ncat, TheEndOfThePeersHalfIsTheEndOfItsOutput) {
  Peer peer;
  Ncat ncat({"127.0.0.1", peer.port()});
  const int fd = peer.accept_one();
  ASSERT_TRUE(write_all(fd, "all that I say"));
  ::shutdown(fd, SHUT_WR);
  EXPECT_EQ(read_to_end(ncat.out()), "all that I say");
  ASSERT_TRUE(write_all(ncat.in(), "but I listen"));
  EXPECT_EQ(read_up_to(fd, 12), "but I listen");
  ncat.end_input();
  EXPECT_EQ(read_to_end(fd), "");
  EXPECT_EQ(ncat.wait(), 0);
}

// What one says comes out at the other, while the same happens the other way around.
void expect_conversation(Ncat& first, Ncat& second) {
  const std::string forth(3'000'000, 'f');
  const std::string back(4'000'000, 'b');
  std::thread say_forth([&] {
    EXPECT_TRUE(write_all(first.in(), forth));
    first.end_input();
  });
  std::thread say_back([&] {
    EXPECT_TRUE(write_all(second.in(), back));
    second.end_input();
  });
  std::thread hear_forth([&] { EXPECT_TRUE(read_to_end(second.out()) == forth); });
  EXPECT_TRUE(read_to_end(first.out()) == back);
  say_forth.join();
  say_back.join();
  hear_forth.join();
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
}

TEST(Ncat, TwoOfThemTalkByTcp) {
  Ncat listens({"-l", "0"});
  const std::string address = listens.address();
  ASSERT_THAT(address, testing::StartsWith("127.0.0.1:"));
  Ncat connects({"127.0.0.1", address.substr(address.rfind(':') + 1)});
  expect_conversation(listens, connects);
}

TEST(Ncat, TwoOfThemTalkByAUnixSocket) {
  std::string directory = "/tmp/ncat.XXXXXX";  // a socket's path is short
  ASSERT_NE(mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/socket";
  Ncat listens({"-l", "-U", path});
  ASSERT_EQ(listens.address(), "unix:" + path);
  Ncat connects({"-U", path});
  expect_conversation(listens, connects);
  unlink(path.c_str());
  rmdir(directory.c_str());
}

TEST(Ncat, AResetIsAnError) {
  Peer peer;
  Ncat ncat({"127.0.0.1", peer.port()});
  peer.accept_one();
  peer.reset();
  EXPECT_EQ(ncat.wait(), 1);
  EXPECT_THAT(read_to_end(ncat.err()), HasSubstr("Connection reset"));
}

TEST(Ncat, OutputThatNobodyReadsIsAnErrorAndNoSignal) {
  Peer peer;
  Ncat ncat({"127.0.0.1", peer.port()});
  const int fd = peer.accept_one();
  ncat.break_output();
  write_all(fd, "to nobody");
  EXPECT_EQ(ncat.wait(), 1);
  EXPECT_THAT(read_to_end(ncat.err()), HasSubstr("Broken pipe"));
}

TEST(Ncat, SaysThatNobodyIsThere) {
  std::string port;
  { port = Peer().port(); }  // free again
  const Outcome tcp = Program{{kNcat, "127.0.0.1", port}}.run();
  EXPECT_EQ(tcp.exit_status, 1);
  EXPECT_THAT(tcp.err, HasSubstr("Connection refused"));
  const Outcome unix_socket = Program{{kNcat, "-U", "/nowhere/at/all"}}.run();
  EXPECT_EQ(unix_socket.exit_status, 1);
  EXPECT_THAT(unix_socket.err, HasSubstr("/nowhere/at/all"));
}

TEST(Ncat, SaysHowItIsUsed) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"host"},
                                             {"host", "99999"},
                                             {"host", "port"},
                                             {"-x"},
                                             {"-l"},
                                             {"-U"},
                                             {"a", "1", "2"}}) {
    Program program{{kNcat}};
    program.arguments.insert(program.arguments.end(), arguments.begin(), arguments.end());
    const Outcome outcome = program.run();
    EXPECT_EQ(outcome.exit_status, 2);
    EXPECT_THAT(outcome.err, HasSubstr("Usage"));
  }
}

}  // namespace
}  // namespace testing_programs
