#include "tests/sim/conformance.h"

#include <fcntl.h>
#include <poll.h>

#include <csignal>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/raw_ring.h"

// What the real kernel does is among what the simulated one may do: reads, writes, polls and
// cancels.

namespace uring::testing {
namespace {

std::string_view seen(const char* data, size_t size) { return {data, size}; }

const Script kScripts[] = {
    {"FileWhole",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[16] = "...............";
       ring.read(1, world.file("abcdefgh"), buffer, 8);
       world.run(ring, 1);
       world.say(seen(buffer, 10));
     }},
    {"FileShort",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[16] = "...............";
       ring.read(1, world.file("abcdefgh"), buffer, 15, 3);
       world.run(ring, 1);
       world.say(seen(buffer, 10));
     }},
    {"FileAtItsEndAndPastIt",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[16];
       int fd = world.file("abcdefgh");
       ring.read(1, fd, buffer, 8, 8);
       world.run(ring, 1);
       ring.read(2, fd, buffer, 8, 1000);
       world.run(ring, 1);
     }},
    {"FileFromItsPosition",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[16];
       int fd = world.file("abcdefgh");
       for (uint64_t i = 1; i <= 3; ++i) {
         ring.read(i, fd, buffer, 5, UINT64_MAX);
         world.run(ring, 1);
       }
     }},
    {"FileAtAnImpossibleOffset",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[16];
       ring.read(1, world.file("abcdefgh"), buffer, 8, static_cast<uint64_t>(-2));
       world.run(ring, 1);
     }},
    {"FileInParts",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[] = "........";
       iovec parts[] = {{buffer + 4, 3}, {buffer, 2}};
       io_uring_prep_readv(ring.entry(1), world.file("abcdefgh"), parts, 2, 1);
       world.run(ring, 1);
       world.say(buffer);
     }},
    {"FileWritten",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.file("abcdefgh");
       char buffer[] = "........";
       io_uring_prep_write(ring.entry(1), fd, "XYZ", 3, 6);
       world.run(ring, 1);
       io_uring_prep_fsync(ring.entry(2), fd, 0);
       world.run(ring, 1);
       ring.read(3, fd, buffer, 8, 4);
       world.run(ring, 1);
       world.say(buffer);
     }},
    {"NothingAskedFor",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[4];
       ring.read(1, world.file("abc"), buffer, 0);
       world.run(ring, 1);
       ring.read(2, world.pipe(), buffer, 0);
       world.run(ring, 1);
     }},
    {"PipeWithBytes",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       world.feed(fd, "abcdef");
       char buffer[] = "........";
       ring.read(1, fd, buffer, 4);
       world.run(ring, 1);
       ring.read(2, fd, buffer + 4, 4);
       world.run(ring, 1);
       world.say(buffer);
     }},
    {"PipeFedWhileARequestWaits",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[] = "........";
       ring.read(1, fd, buffer, 8);
       world.run(ring);
       world.feed(fd, "abc");
       world.run(ring, 1);
       world.say(buffer);
     }},
    {"PipeEndsWhileARequestWaits",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring);
       world.end(fd);
       world.run(ring, 1);
       ring.read(2, fd, buffer, 8);
       world.run(ring, 1);
     }},
    {"PipeWithBytesBeforeItsEnd",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       world.feed(fd, "ab");
       world.end(fd);
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring, 1);
       ring.read(2, fd, buffer, 8);
       world.run(ring, 1);
     }},
    {"PipeWithTwoReaders",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffers[2][8];
       ring.read(1, fd, buffers[0], 8);
       ring.read(2, fd, buffers[1], 8);
       world.run(ring);
       world.feed(fd, "abc");
       world.run(ring, 1);
       world.end(fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"PipeReadAtAnOffset",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       world.feed(fd, "abc");
       char buffer[8];
       ring.read(1, fd, buffer, 8, 5);
       world.run(ring, 1);
       world.feed(fd, "de");
       ring.read(2, fd, buffer, 8, UINT64_MAX);
       world.run(ring, 1);
     }},
    {"SocketReadAtAnOffset",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       world.feed(fd, "abc");
       char buffer[8];
       ring.read(1, fd, buffer, 8, 5);
       world.run(ring, 1);
       ring.read(2, fd, buffer, 8, UINT64_MAX);
       world.run(ring, 1);
     }},
    {"SocketReceived",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       char buffer[8];
       io_uring_prep_recv(ring.entry(1), fd, buffer, 2, 0);
       world.run(ring);
       world.feed(fd, "abc");
       world.run(ring, 1);
       io_uring_prep_recv(ring.entry(2), fd, buffer, 8, 0);
       world.run(ring, 1);
       world.end(fd);
       io_uring_prep_recv(ring.entry(3), fd, buffer, 8, 0);
       world.run(ring, 1);
     }},
    {"SocketSent",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       io_uring_prep_send(ring.entry(1), fd, "abc", 3, MSG_NOSIGNAL);
       world.run(ring, 1);
       world.end(fd);
       io_uring_prep_send(ring.entry(2), fd, "abc", 3, MSG_NOSIGNAL);
       world.run(ring, 1);
     }},
    {"WriterWaitsForRoom",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.writing_pipe();
       world.fill(fd);
       io_uring_prep_write(ring.entry(1), fd, "abc", 3, UINT64_MAX);
       world.run(ring);
       world.drain(fd);
       world.run(ring, 1);
       std::signal(SIGPIPE, SIG_IGN);
       world.end(fd);
       io_uring_prep_write(ring.entry(2), fd, "abc", 3, UINT64_MAX);
       world.run(ring, 1);
     }},
    {"WhatCannotWork",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 32, flags | IORING_SETUP_SUBMIT_ALL);
       char buffer[8];
       int pipe = world.pipe();
       int writing = world.writing_pipe();
       int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
       ring.read(1, 9999, buffer, 8);
       world.run(ring, 1);
       ring.read(2, directory, buffer, 8);
       world.run(ring, 1);
       ring.read(3, writing, buffer, 8);
       world.run(ring, 1);
       io_uring_prep_write(ring.entry(4), pipe, "x", 1, 0);
       world.run(ring, 1);
       io_uring_prep_recv(ring.entry(5), pipe, buffer, 8, 0);
       world.run(ring, 1);
       ring.entry(6)->opcode = 250;
       world.run(ring, 1);
       io_uring_prep_fsync(ring.entry(7), pipe, 0);
       world.run(ring, 1);
       io_uring_prep_openat(ring.entry(8), AT_FDCWD, "/no such file", O_RDONLY, 0);
       world.run(ring, 1);
       io_uring_prep_close(ring.entry(9), 9999);
       world.run(ring, 1);
       ::close(directory);
     }},
    {"BadEntryInABatch",
     [](World& world, unsigned flags) {
       for (unsigned all : {0U, static_cast<unsigned>(IORING_SETUP_SUBMIT_ALL)}) {
         RawRing ring(world.kernel(), 8, flags | all);
         io_uring_prep_nop(ring.entry(1));
         ring.entry(2)->opcode = 250;
         io_uring_prep_nop(ring.entry(3));
         world.say("took " + std::to_string(ring.enter(0)));
         world.say(ring.completions());
         world.say("left " + std::to_string(ring.queued()));
         world.run(ring);
       }
     },
     /*exact=*/false},
    {"PollFedAndEnded",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       io_uring_prep_poll_add(ring.entry(1), fd, POLLIN);
       world.run(ring);
       world.feed(fd, "x");
       world.run(ring, 1);
       world.end(fd);
       io_uring_prep_poll_add(ring.entry(2), fd, POLLIN);
       world.run(ring, 1);
       char buffer[8];
       ring.read(3, fd, buffer, 8);
       world.run(ring, 1);
       io_uring_prep_poll_add(ring.entry(4), fd, POLLIN);
       world.run(ring, 1);
     }},
    {"PollOfASocketThatEnds",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       io_uring_prep_poll_add(ring.entry(1), fd, POLLOUT);
       world.run(ring, 1);
       io_uring_prep_poll_add(ring.entry(2), fd, POLLIN | POLLRDHUP);
       world.run(ring);
       world.end(fd);
       world.run(ring, 1);
       io_uring_prep_poll_add(ring.entry(3), fd, POLLIN | POLLOUT);
       world.run(ring, 1);
     }},
    {"PollOfAWriterWhoseReaderLeaves",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.writing_pipe();
       world.fill(fd);
       io_uring_prep_poll_add(ring.entry(1), fd, POLLOUT);
       world.run(ring);
       world.drain(fd);
       world.run(ring, 1);
       world.end(fd);
       io_uring_prep_poll_add(ring.entry(2), fd, POLLOUT);
       world.run(ring, 1);
     }},
    {"PollOfAFile",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       io_uring_prep_poll_add(ring.entry(1), world.file("abc"), POLLIN);
       world.run(ring, 1);
     }},
    {"PollCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       io_uring_prep_poll_add(ring.entry(1), world.pipe(), POLLIN);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"CancelOfAWaitingRead",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
       world.feed(fd, "kept");
       world.run(ring);
       world.say(std::to_string(world.unread(fd)));
     }},
    {"CancelOfAWaitingReceive",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       char buffer[8];
       io_uring_prep_recv(ring.entry(1), fd, buffer, 8, 0);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"CancelInTheSameSubmission",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[8];
       ring.read(1, world.pipe(), buffer, 8);
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"CancelBeforeItsTarget",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.cancel(2, 1);
       ring.read(1, fd, buffer, 8);
       world.run(ring, 1);
       world.feed(fd, "abc");
       world.run(ring, 1);
     }},
    {"CancelAfterTheCompletion",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       world.feed(fd, "abc");
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring, 1);
       ring.cancel(2, 1);
       world.run(ring, 1);
     }},
    {"CancelOfNothing",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       ring.cancel(2, 1);
       world.run(ring, 1);
       ring.cancel(3, 0, IORING_ASYNC_CANCEL_ANY);
       world.run(ring, 1);
       ring.cancel(4, 1, IORING_ASYNC_CANCEL_ALL);
       world.run(ring, 1);
       ring.cancel(5, 1, 1U << 20);
       world.run(ring, 1);
     }},
    {"CancelTwice",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[8];
       ring.read(1, world.pipe(), buffer, 8);
       world.run(ring);
       ring.cancel(2, 1);
       ring.cancel(3, 1);
       world.run(ring, 3);
     },
     /*exact=*/false},
    {"CancelOfWhatWasFedMeanwhile",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring);
       world.feed(fd, "abc");
       ring.cancel(2, 1);
       world.run(ring, 2);
       world.say(std::to_string(world.unread(fd)));
     },
     /*exact=*/false},
    {"CancelOfAnything",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[8];
       ring.read(1, world.pipe(), buffer, 8);
       ring.read(2, world.pipe(), buffer, 8);
       world.run(ring);
       ring.cancel(3, 0, IORING_ASYNC_CANCEL_ANY);
       world.run(ring, 3);
     },
     /*exact=*/false},
    {"CancelByDescriptor",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       ring.read(2, world.pipe(), buffer, 8);
       world.run(ring);
       io_uring_prep_cancel_fd(ring.entry(3), fd, 0);
       world.run(ring, 2);
     }},
    {"ClosedWhileItWaits",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.pipe();
       char buffer[8];
       ring.read(1, fd, buffer, 8);
       world.run(ring);
       world.close(fd);
       world.feed(fd, "abc");
       world.run(ring, 1);
     }},
    {"HeldInMidCopyAndCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.file(std::string(4096, 'Q'));
       char* held = world.held_memory();
       if (held == nullptr) return;
       ring.read(1, fd, held, 4096);
       ring.ring().sq.sqes[0].flags |= IOSQE_ASYNC;
       world.run(ring);
       world.await_held();
       ring.cancel(2, 1);
       world.run(ring, 1);
       world.let_go();
       world.run(ring, 1);
       world.say(seen(held + 4095, 1));
     }},
    {"HeldInMidCopyAndEverythingCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.file(std::string(4096, 'Q'));
       char* held = world.held_memory();
       if (held == nullptr) return;
       ring.read(1, fd, held, 4096);
       ring.ring().sq.sqes[0].flags |= IOSQE_ASYNC;
       world.run(ring);
       world.await_held();
       ring.cancel(2, 0, IORING_ASYNC_CANCEL_ANY);
       world.run(ring, 1);
       world.let_go();
       world.run(ring, 1);
       world.say(seen(held + 4095, 1));
     }},
    {"CancelOfAReadByAWorker",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[] = "....";
       ring.read(1, world.file("abc"), buffer, 3);
       ring.ring().sq.sqes[0].flags |= IOSQE_ASYNC;
       ring.cancel(2, 1);
       ring.enter(2);
       std::vector<Completion> completions = ring.completions();
       world.say(completions);
       // One that failed has read nothing, or it has and says so.
       for (const Completion& completion : completions) {
         if (completion.user_data == 1 && completion.result > 0) world.say(buffer);
       }
     },
     /*exact=*/false},
    {"WithTheDiskAndCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.slow_file(std::string(size_t{64} << 10, 'Q'));
       if (fd < 0) return;
       alignas(4096) static char blocks[2][4096];
       std::memset(blocks, '.', sizeof blocks);
       world.slow_down();
       if (!world.is_simulated()) {  // the one that is not slow
         ring.read(0, fd, blocks[0], 4096);
         ring.enter(1);
         ring.completions();
       }
       ring.read(1, fd, blocks[1], 4096, 8192);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 1);
       world.let_go();
       world.run(ring, 1);
       world.say(seen(blocks[1] + 4095, 1));
     },
     /*exact=*/false,
     /*real_runs=*/2},
};

class Conformance : public ::testing::TestWithParam<Script> {};

TEST_P(Conformance, TheRealKernelDoesWhatTheModelAllows) { compare(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Requests, Conformance, ::testing::ValuesIn(kScripts),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace uring::testing
