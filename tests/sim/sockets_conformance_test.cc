#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/conformance.h"
#include "tests/sim/raw_ring.h"

// What the real kernel does is among what the simulated one may do: sending, with and without a
// copy, accepting and connecting.

namespace uring::testing {
namespace {

// linux/io_uring.h since 6.2: a notification says whether the bytes were copied.
constexpr unsigned kReportUsage = 1U << 3;

void send(RawRing& ring, uint64_t user_data, int fd, std::string_view bytes) {
  io_uring_prep_send(ring.entry(user_data), fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void send_without_copy(RawRing& ring, uint64_t user_data, int fd, std::string_view bytes,
                       unsigned flags = 0) {
  io_uring_sqe* entry = ring.entry(user_data);
  io_uring_prep_send(entry, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  entry->opcode = IORING_OP_SEND_ZC;
  entry->ioprio = static_cast<__u16>(flags);
}

// Two ranges at once.
struct Message {
  Message() {
    std::memset(&header, 0, sizeof header);
    header.msg_iov = parts;
    header.msg_iovlen = 2;
  }
  char bytes[8] = "abcdef";
  iovec parts[2] = {{bytes + 3, 3}, {bytes, 2}};
  msghdr header;
};

// Descriptors are numbers that nobody can foretell.
void say_connections(World& world, std::vector<Completion> completions) {
  for (Completion& completion : completions) {
    if (completion.result < 0 || completion.user_data != 1) continue;
    world.say((fcntl(completion.result, F_GETFD) & FD_CLOEXEC) != 0 ? "close-on-exec" : "kept");
    ::close(completion.result);
    completion.result = 1;
  }
  world.say(completions);
}

std::string address_of(int fd) {
  sockaddr_storage address;
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  return {reinterpret_cast<const char*>(&address), size};
}

void connect(RawRing& ring, uint64_t user_data, int fd, const std::string& address) {
  io_uring_prep_connect(ring.entry(user_data), fd,
                        reinterpret_cast<const sockaddr*>(address.data()),
                        static_cast<socklen_t>(address.size()));
}

const Script kScripts[] = {
    {"MessageSent",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       Message message;
       io_uring_prep_sendmsg(ring.entry(1), fd, &message.header, MSG_NOSIGNAL);
       world.run(ring, 1);
       world.end(fd);
       io_uring_prep_sendmsg(ring.entry(2), fd, &message.header, MSG_NOSIGNAL);
       world.run(ring, 1);
     }},
    {"SendWaitsForRoom",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       world.fill(fd);
       send(ring, 1, fd, "abc");
       world.run(ring);
       world.drain(fd);
       world.run(ring, 1);
     }},
    {"SendThatWaitsIsCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       world.fill(fd);
       send(ring, 1, fd, "abc");
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"SendThatWaitsLosesItsPeer",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       world.fill(fd);
       send(ring, 1, fd, "abc");
       world.run(ring);
       world.end(fd);
       world.run(ring, 1);
     }},
    {"ConnectionIsReset",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.tcp_socket();
       world.reset(fd);
       for (uint64_t i = 1; i <= 3; ++i) {
         send(ring, i, fd, "abc");
         world.run(ring, 1);
       }
     }},
    {"SentWithoutACopy",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.tcp_socket();
       send_without_copy(ring, 1, fd, "abc");
       world.run(ring, 2);
       Message message;
       io_uring_prep_sendmsg(ring.entry(2), fd, &message.header, MSG_NOSIGNAL);
       ring.ring().sq.sqes[1].opcode = IORING_OP_SENDMSG_ZC;
       world.run(ring, 2);
     }},
    {"SentWithoutACopyAndSaidHow",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       send_without_copy(ring, 1, world.tcp_socket(), "abc", kReportUsage);
       world.run(ring, 2);
     },
     /*exact=*/false},
    {"SentWithoutACopyToAUnixSocket",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       send_without_copy(ring, 1, world.socket(), "abc");
       world.run(ring, 2);
     }},
    {"SentWithoutACopyToAResetConnection",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.tcp_socket();
       world.reset(fd);
       send_without_copy(ring, 1, fd, "abc");
       world.run(ring, 2);
       send_without_copy(ring, 2, fd, "abc");
       world.run(ring, 2);
     }},
    {"SendWithoutACopyIsCancelledWhileItWaits",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.tcp_socket();
       world.fill(fd);
       send_without_copy(ring, 1, fd, "abc");
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 3);
     },
     /*exact=*/false},
    {"SendingThatCannotWork",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 32, flags | IORING_SETUP_SUBMIT_ALL);
       Message message;
       int pipe = world.writing_pipe();
       io_uring_prep_sendmsg(ring.entry(1), pipe, &message.header, MSG_NOSIGNAL);
       world.run(ring, 1);
       io_uring_prep_sendmsg(ring.entry(2), 9999, &message.header, MSG_NOSIGNAL);
       world.run(ring, 1);
       send_without_copy(ring, 3, pipe, "abc");
       world.run(ring, 2);
       send_without_copy(ring, 4, 9999, "abc");
       world.run(ring, 2);
       send_without_copy(ring, 5, world.tcp_socket(), "abc", 1U << 7);
       world.run(ring, 1);
     }},
    {"Accepted",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.listening();
       io_uring_prep_accept(ring.entry(1), fd, nullptr, nullptr, SOCK_CLOEXEC);
       world.run(ring);
       world.knock(fd);
       ring.enter(1);
       say_connections(world, ring.completions());
       world.knock(fd);
       io_uring_prep_accept(ring.entry(1), fd, nullptr, nullptr, 0);
       ring.enter(1);
       say_connections(world, ring.completions());
     }},
    {"AcceptedOneAfterTheOther",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.listening();
       world.knock(fd);
       world.knock(fd);
       io_uring_prep_multishot_accept(ring.entry(1), fd, nullptr, nullptr, SOCK_CLOEXEC);
       ring.enter(2);
       say_connections(world, ring.completions());
       world.knock(fd);
       ring.enter(1);
       say_connections(world, ring.completions());
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"AcceptIsCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.listening();
       io_uring_prep_accept(ring.entry(1), fd, nullptr, nullptr, 0);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
       world.knock(fd);
       world.say(::accept4(fd, nullptr, nullptr, SOCK_NONBLOCK) >= 0 ? "still there" : "lost");
     }},
    {"AcceptingThatCannotWork",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fds[] = {world.pipe(), world.socket(), 9999};
       for (int fd : fds) {
         io_uring_prep_accept(ring.entry(1), fd, nullptr, nullptr, 0);
         world.run(ring, 1);
       }
     }},
    {"Connected",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int listening = world.listening();
       int fd = world.unconnected();
       const std::string address = address_of(listening);
       connect(ring, 2, fd, address);
       world.run(ring, 1);
       connect(ring, 3, fd, address);
       world.run(ring, 1);
       connect(ring, 4, world.pipe(), address);
       world.run(ring, 1);
       connect(ring, 5, 9999, address);
       world.run(ring, 1);
       world.close(listening);
       connect(ring, 6, world.unconnected(), address);
       world.run(ring, 1);
     }},
};

class SocketsConformance : public ::testing::TestWithParam<Script> {};

TEST_P(SocketsConformance, TheRealKernelDoesWhatTheModelAllows) { compare(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Requests, SocketsConformance, ::testing::ValuesIn(kScripts),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace uring::testing
