#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/buffer_group.h"
#include "tests/sim/conformance.h"
#include "tests/sim/raw_ring.h"
#include "uring/testing/sim_opcodes.h"

// What the real kernel does is among what the simulated one may do: registered buffers, provided
// buffers, multishot requests.

namespace uring::testing {
namespace {

constexpr uint16_t kGroup = 7;

void select_buffer(RawRing& ring, bool multishot) {
  io_uring_sq& sq = ring.ring().sq;
  io_uring_sqe& entry = sq.sqes[(sq.sqe_tail - 1) & sq.ring_mask];
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = kGroup;
  if (multishot) entry.ioprio |= IORING_RECV_MULTISHOT;
}

void recv(RawRing& ring, uint64_t user_data, int fd) {
  io_uring_prep_recv(ring.entry(user_data), fd, nullptr, 0, 0);
  select_buffer(ring, false);
}

void recv_multishot(RawRing& ring, uint64_t user_data, int fd) {
  io_uring_prep_recv(ring.entry(user_data), fd, nullptr, 0, 0);
  select_buffer(ring, true);
}

void read(RawRing& ring, uint64_t user_data, int fd, unsigned size) {
  ring.read(user_data, fd, nullptr, size, UINT64_MAX);
  select_buffer(ring, false);
}

void read_multishot(RawRing& ring, uint64_t user_data, int fd) {
  io_uring_prep_rw(kReadMultishotOpcode, ring.entry(user_data), fd, nullptr, 0, 0);
  select_buffer(ring, false);
}

bool usable(World& world, const BufferGroup& group) {
  if (group.error() != 0) world.give_up("rings of provided buffers: " + errno_text(group.error()));
  return group.error() == 0;
}

// Says whether the kernel knows it; the simulated one does.
bool knows_read_multishot(World& world, RawRing& ring) {
  std::vector<char> memory(sizeof(io_uring_probe) + 256 * sizeof(io_uring_probe_op));
  auto* probe = reinterpret_cast<io_uring_probe*>(memory.data());
  bool known = ring.register_with(IORING_REGISTER_PROBE, probe, 256) >= 0 &&
               probe->last_op >= kReadMultishotOpcode;
  if (!known) world.give_up("this kernel has no multishot reads");
  return known;
}

const Script kScripts[] = {
    {"ReceiveIntoTheNextBuffer",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.feed(fd, "0123456789");
       recv(ring, 1, fd);
       world.run(ring, 1);
       recv(ring, 2, fd);
       world.run(ring, 1);
     }},
    {"ReceiveThatWaitsForBytes",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "abc");
       world.run(ring, 1);
     }},
    {"ReceiveThatIsCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv(ring, 1, fd);
       world.run(ring);
       ring.cancel(2, 1);
       world.run(ring, 2);
       world.feed(fd, "abc");
       recv(ring, 3, fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"ReadOfAPipe",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 4, 8);
       if (!usable(world, group)) return;
       int fd = world.pipe();
       world.feed(fd, "0123456789");
       read(ring, 1, fd, 3);
       world.run(ring, 1);
       read(ring, 2, fd, 100);
       world.run(ring, 1);
     }},
    {"ReceiveAtTheEnd",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.end(fd);
       recv(ring, 1, fd);
       world.run(ring, 1);
       recv(ring, 2, fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"ReadAtTheEnd",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.pipe();
       world.end(fd);
       read(ring, 1, fd, 8);
       world.run(ring, 1);
       read(ring, 2, fd, 8);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"NoBufferWithBytesThere",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.feed(fd, "0123456789abcdefghijklmn");
       recv_multishot(ring, 1, fd);
       world.run(ring, 3);
       group.give(0);
       recv(ring, 2, fd);
       world.run(ring, 1);
     }},
    {"NoBufferHidesTheEnd",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.feed(fd, "0123456789abcdef");
       world.end(fd);
       recv_multishot(ring, 1, fd);
       world.run(ring, 3);
       recv_multishot(ring, 2, fd);
       world.run(ring, 1);
       recv(ring, 3, fd);
       world.run(ring, 1);
       group.give(0);
       recv_multishot(ring, 4, fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"NoBufferWithNothingThere",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 1, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "ab");
       world.run(ring, 1);
       world.run(ring);
       world.feed(fd, "c");
       world.run(ring, 1);
     }},
    {"NoBufferAfterAFullOne",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 1, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "01234567");
       world.run(ring, 1);
       world.run(ring);
     }},
    {"NoBufferAfterAFullOneOfAPipe",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 1, 8);
       if (!usable(world, group) || !knows_read_multishot(world, ring)) return;
       int fd = world.pipe();
       read_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "01234567");
       world.run(ring, 1);
       world.run(ring);
     }},
    {"NoBufferAfterAFullOneThatWasThere",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 1, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.feed(fd, "01234567");
       recv_multishot(ring, 1, fd);
       world.run(ring, 1);
       world.run(ring);
     }},
    {"NoBufferFromTheStart",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 1, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       world.feed(fd, "ab");
       recv(ring, 1, fd);
       world.run(ring, 1);
       recv(ring, 2, fd);
       world.run(ring, 1);
       recv_multishot(ring, 3, fd);
       world.run(ring, 1);
     }},
    {"NoSuchGroup",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       int fd = world.socket();
       recv(ring, 1, fd);
       world.run(ring, 1);
       recv_multishot(ring, 2, fd);
       world.run(ring, 1);
     }},
    {"MultishotGoesOn",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 4, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "ab");
       world.run(ring, 1);
       world.feed(fd, "cd");
       world.run(ring, 1);
       world.end(fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"MultishotCancelled",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 4, 8);
       if (!usable(world, group)) return;
       int fd = world.socket();
       recv_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "ab");
       world.run(ring, 1);
       ring.cancel(2, 1);
       world.run(ring, 2);
     }},
    {"MultishotWithoutBuffers",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags | IORING_SETUP_SUBMIT_ALL);
       int fd = world.socket();
       io_uring_prep_recv(ring.entry(1), fd, nullptr, 0, 0);
       ring.ring().sq.sqes[0].ioprio |= IORING_RECV_MULTISHOT;
       world.run(ring, 1);
       io_uring_prep_nop(ring.entry(2));
       ring.ring().sq.sqes[1].flags |= IOSQE_BUFFER_SELECT;
       world.run(ring, 1);
     }},
    {"MultishotReadOfAPipe",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 4, 8);
       if (!usable(world, group) || !knows_read_multishot(world, ring)) return;
       int fd = world.pipe();
       read_multishot(ring, 1, fd);
       world.run(ring);
       world.feed(fd, "0123456789");
       world.run(ring, 2);
       world.end(fd);
       world.run(ring, 1);
     },
     /*exact=*/false},
    {"MultishotReadOfAFile",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 4, 8);
       if (!usable(world, group) || !knows_read_multishot(world, ring)) return;
       read_multishot(ring, 1, world.file("abc"));
       world.run(ring, 1);
     }},
    {"GroupsRegisteredTwiceAndGone",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       BufferGroup group(ring, kGroup, 2, 8);
       if (!usable(world, group)) return;
       world.say(errno_text(BufferGroup(ring, kGroup, 2, 8).error()));
       io_uring_buf_reg registration = {};
       registration.bgid = kGroup;
       for (int i = 0; i < 2; ++i) {
         int result = ring.register_with(IORING_UNREGISTER_PBUF_RING, &registration, 1);
         world.say(errno_text(-result));
       }
     }},
    {"FixedReads",
     [](World& world, unsigned flags) {
       RawRing ring(world.kernel(), 8, flags);
       char buffer[] = "........";
       iovec vector = {buffer, 4};
       io_uring_rsrc_update2 update = {};
       update.offset = 1;
       update.data = reinterpret_cast<__u64>(&vector);
       update.nr = 1;
       auto set_slot = [&] {
         world.say(std::to_string(
             ring.register_with(IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update)));
       };
       set_slot();
       io_uring_rsrc_register table = {};
       table.nr = 2;
       table.flags = IORING_RSRC_REGISTER_SPARSE;
       for (int i = 0; i < 2; ++i) {
         world.say(
             std::to_string(ring.register_with(IORING_REGISTER_BUFFERS2, &table, sizeof table)));
       }
       set_slot();
       int fd = world.file("abcdefgh");
       uint64_t request = 0;
       auto fixed_read = [&](size_t from, unsigned size, int slot) {
         io_uring_prep_read_fixed(ring.entry(++request), fd, buffer + from, size, 0, slot);
         world.run(ring, 1);
       };
       fixed_read(1, 3, 1);
       fixed_read(1, 4, 1);
       fixed_read(0, 1, 0);
       fixed_read(0, 1, 7);
       world.say(buffer);
       vector = {nullptr, 0};
       set_slot();
       fixed_read(1, 3, 1);
       update.offset = 2;
       set_slot();
     }},
};

class BuffersConformance : public ::testing::TestWithParam<Script> {};

TEST_P(BuffersConformance, TheRealKernelDoesWhatTheModelAllows) { compare(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Requests, BuffersConformance, ::testing::ValuesIn(kScripts),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace uring::testing
