#include <cerrno>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/sim/buffer_group.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"
#include "tests/sim/raw_ring.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_opcodes.h"

// Registered buffers, provided buffers, and the requests that come to more than one completion.

namespace uring::testing {
namespace {

using Completions = std::vector<Completion>;

constexpr uint32_t kMore = IORING_CQE_F_MORE;

uint32_t buffer_flag(uint32_t number) {
  return IORING_CQE_F_BUFFER | number << IORING_CQE_BUFFER_SHIFT;
}

class SimBuffersTest : public ::testing::Test {
 protected:
  SeededChoices choices_{1};
  SimKernel kernel_{choices_};
};

// --- registered ----------------------------------------------------------------------------------

int make_table(RawRing& ring, unsigned slots) {
  io_uring_rsrc_register table = {};
  table.nr = slots;
  table.flags = IORING_RSRC_REGISTER_SPARSE;
  return ring.register_with(IORING_REGISTER_BUFFERS2, &table, sizeof table);
}

int set_slot(RawRing& ring, unsigned slot, char* data, size_t size) {
  iovec vector = {data, size};
  io_uring_rsrc_update2 update = {};
  update.offset = slot;
  update.data = reinterpret_cast<__u64>(&vector);
  update.nr = 1;
  return ring.register_with(IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof update);
}

TEST_F(SimBuffersTest, AFixedReadMustStayWithinItsRegisteredBuffer) {
  OwnedFd fd = empty_file();
  kernel_.attach_file(fd.get(), "abcdefgh");
  RawRing ring(kernel_);
  std::string buffer(8, '.');
  char* data = buffer.data();
  EXPECT_EQ(set_slot(ring, 0, data, 8), -ENXIO);
  EXPECT_EQ(make_table(ring, 2), 0);
  EXPECT_EQ(make_table(ring, 2), -EBUSY);
  EXPECT_EQ(set_slot(ring, 1, data, 4), 1);
  EXPECT_EQ(set_slot(ring, 2, data, 4), -EINVAL);
  io_uring_prep_read_fixed(ring.entry(1), fd.get(), data + 1, 3, 0, 1);
  io_uring_prep_read_fixed(ring.entry(2), fd.get(), data + 1, 4, 0, 1);
  io_uring_prep_read_fixed(ring.entry(3), fd.get(), data, 1, 0, 0);
  io_uring_prep_read_fixed(ring.entry(4), fd.get(), data, 1, 0, 7);
  EXPECT_EQ(to_text(ring.run()), "1:3 2:EFAULT 3:EFAULT 4:EFAULT");
  EXPECT_EQ(buffer, ".abc....");
  EXPECT_EQ(set_slot(ring, 1, nullptr, 0), 1);
  io_uring_prep_read_fixed(ring.entry(5), fd.get(), data + 1, 3, 0, 1);
  EXPECT_EQ(to_text(ring.run()), "5:EFAULT");
}

TEST_F(SimBuffersTest, AKernelWithoutThemRefusesTheRegistration) {
  kernel_.knobs().fixed_buffers = false;
  kernel_.knobs().provided_buffers = false;
  RawRing ring(kernel_);
  EXPECT_EQ(make_table(ring, 2), -ENOMEM);
  BufferGroup group(ring, 1, 2, 8);
  EXPECT_EQ(group.error(), EINVAL);
  EXPECT_EQ(ring.register_with(12345, nullptr, 0), -EINVAL);
}

// --- provided ------------------------------------------------------------------------------------

void recv_selected(RawRing& ring, uint64_t user_data, int fd, uint16_t group) {
  io_uring_sqe* entry = ring.entry(user_data);
  io_uring_prep_recv(entry, fd, nullptr, 0, 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = group;
}

void recv_multishot(RawRing& ring, uint64_t user_data, int fd, uint16_t group) {
  recv_selected(ring, user_data, fd, group);
  ring.ring().sq.sqes[(ring.ring().sq.sqe_tail - 1) & ring.ring().sq.ring_mask].ioprio |=
      IORING_RECV_MULTISHOT;
}

TEST_F(SimBuffersTest, AReceiveTakesTheNextBufferOnceThereAreBytes) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 2, 4);
  ASSERT_EQ(group.error(), 0);
  recv_selected(ring, 1, fd.get(), 7);
  EXPECT_EQ(ring.run(), Completions{});
  stream->feed("abcdef");
  Completions first = ring.run(1);
  EXPECT_EQ(first, (Completions{{1, 4, buffer_flag(0)}}));
  EXPECT_EQ(group.text(first[0]), "abcd");
  recv_selected(ring, 2, fd.get(), 7);
  EXPECT_EQ(ring.run(1), (Completions{{2, 2, buffer_flag(1)}}));
  recv_selected(ring, 3, fd.get(), 7);
  recv_selected(ring, 4, fd.get(), 99);  // no such group
  EXPECT_EQ(to_text(ring.run(2)), "3:ENOBUFS 4:ENOBUFS");
  group.give(1);
  stream->end();
  recv_selected(ring, 5, fd.get(), 7);
  EXPECT_EQ(ring.run(1), (Completions{{5, 0, 0}}));
}

TEST_F(SimBuffersTest, AMultishotReceiveGoesOnUntilTheBuffersAreUsedUp) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 2, 8);
  recv_multishot(ring, 1, fd.get(), 7);
  stream->feed("0123456789");
  Completions completions = ring.run(2);
  EXPECT_EQ(completions,
            (Completions{{1, 8, buffer_flag(0) | kMore}, {1, 2, buffer_flag(1) | kMore}}));
  EXPECT_EQ(group.text(completions[0]), "01234567");
  EXPECT_EQ(group.text(completions[1]), "89");
  // Now it waits for bytes, and then looks for a buffer.
  EXPECT_EQ(kernel_.in_flight(), 1u);
  stream->feed("x");
  EXPECT_EQ(to_text(ring.run(1)), "1:ENOBUFS");
  EXPECT_EQ(kernel_.in_flight(), 0u);
  EXPECT_EQ(stream->unread(), 1u);
}

TEST_F(SimBuffersTest, AnEagerMultishotLooksForItsNextBufferAtOnce) {
  kernel_.knobs().eager_buffers_one_in = 1;
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 1, 8);
  recv_multishot(ring, 1, fd.get(), 7);
  stream->feed("012");
  EXPECT_EQ(to_text(ring.run(2)), "1:3 1:ENOBUFS");
}

TEST_F(SimBuffersTest, AnEmptyBufferRingHidesTheEndOfTheStream) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 1, 8);
  recv_multishot(ring, 1, fd.get(), 7);
  stream->feed("last");
  stream->end();
  EXPECT_EQ(to_text(ring.run(2)), "1:4 1:ENOBUFS");
  recv_multishot(ring, 2, fd.get(), 7);
  EXPECT_EQ(to_text(ring.run(1)), "2:ENOBUFS");
  group.give(0);
  recv_multishot(ring, 3, fd.get(), 7);
  EXPECT_EQ(ring.run(1), (Completions{{3, 0, 0}}));
}

TEST_F(SimBuffersTest, ACancelledMultishotEndsAfterWhatItDelivered) {
  auto [fd, other_end] = make_sockets();
  auto stream = kernel_.attach_stream(fd.get());
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 4, 8);
  recv_multishot(ring, 1, fd.get(), 7);
  stream->feed("ab");
  ring.enter();
  ring.cancel(2, 1);
  EXPECT_EQ(ring.run(3), (Completions{{1, 2, buffer_flag(0) | kMore}, {2, 0}, {1, -ECANCELED}}));
}

TEST_F(SimBuffersTest, ReadMultishotIsForWhatCanBeWaitedFor) {
  auto [fd, other_end] = make_pipe();
  auto stream = kernel_.attach_stream(fd.get());
  OwnedFd file = empty_file();
  kernel_.attach_file(file.get(), "abc");
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 4, 8);
  for (int number : {fd.get(), file.get()}) {
    io_uring_sqe* entry = ring.entry(static_cast<uint64_t>(number == fd.get() ? 1 : 2));
    io_uring_prep_rw(kReadMultishotOpcode, entry, number, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = 7;
  }
  stream->feed("ab");
  EXPECT_EQ(to_text(ring.run(2)), "1:2 2:EBADFD");
  stream->end();
  EXPECT_EQ(to_text(ring.run(1)), "1:0");
}

TEST_F(SimBuffersTest, AMultishotNeedsProvidedBuffersAndAKernelThatKnowsIt) {
  auto [fd, other_end] = make_sockets();
  kernel_.attach_stream(fd.get());
  RawRing ring(kernel_, 8, IORING_SETUP_SUBMIT_ALL);
  BufferGroup group(ring, 7, 4, 8);
  io_uring_prep_recv(ring.entry(1), fd.get(), nullptr, 0, 0);
  ring.ring().sq.sqes[0].ioprio |= IORING_RECV_MULTISHOT;
  EXPECT_EQ(to_text(ring.run()), "1:EINVAL");
  kernel_.knobs().multishot = false;
  recv_multishot(ring, 2, fd.get(), 7);
  EXPECT_EQ(to_text(ring.run()), "2:EINVAL");
}

TEST_F(SimBuffersTest, AGroupIsRegisteredOnceAndGoesWhenAsked) {
  RawRing ring(kernel_);
  BufferGroup group(ring, 7, 4, 8);
  BufferGroup again(ring, 7, 4, 8);
  EXPECT_EQ(again.error(), EEXIST);
  io_uring_buf_reg registration = {};
  registration.bgid = 7;
  EXPECT_EQ(ring.register_with(IORING_UNREGISTER_PBUF_RING, &registration, 1), 0);
  EXPECT_EQ(ring.register_with(IORING_UNREGISTER_PBUF_RING, &registration, 1), -ENOENT);
}

// --- shaken --------------------------------------------------------------------------------------

TEST(SimBuffersKnobs, AMultishotMayEndWithAnyCompletion) {
  SimKnobs knobs;
  knobs.end_multishot_one_in = 2;
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_sockets();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    BufferGroup group(ring, 7, 4, 2);
    stream->feed("abcd");
    recv_multishot(ring, 1, fd.get(), 7);
    std::string outcome;
    std::string bytes;
    for (const Completion& completion : ring.run(1)) {
      outcome += completion.more() ? "+" : ".";
      bytes += group.text(completion);
    }
    EXPECT_EQ(bytes.size() + stream->unread(), 4u);
    return outcome;
  };
  EXPECT_EQ(every_outcome(knobs, script), (Outcomes{".", "+.", "++"}));
}

TEST(SimBuffersKnobs, ErrorsAndTheEndMayNameABuffer) {
  SimKnobs knobs;
  knobs.buffer_at_end_one_in = 2;
  knobs.buffer_with_error_one_in = 2;
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_sockets();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    BufferGroup group(ring, 7, 2, 2);
    recv_selected(ring, 1, fd.get(), 7);
    ring.enter();
    ring.cancel(2, 1);
    std::string outcome;
    for (const Completion& completion : ring.run(2)) {
      if (completion.user_data == 1) outcome = completion.buffer().has_value() ? "named" : "not";
    }
    stream->feed("x");
    stream->end();
    recv_selected(ring, 3, fd.get(), 7);
    recv_selected(ring, 4, fd.get(), 7);
    recv_selected(ring, 5, fd.get(), 7);
    // The error's buffer is still the kernel's; the end's is not.
    for (const Completion& completion : ring.run(3)) {
      outcome += " " + to_text(completion);
      if (completion.buffer().has_value()) outcome += "@" + std::to_string(*completion.buffer());
    }
    return outcome;
  };
  EXPECT_EQ(
      every_outcome(knobs, script),
      (Outcomes{"not 3:1@0 4:0 5:0", "not 3:1@0 4:0@1 5:ENOBUFS", "not 3:1@0 4:0 5:0@1",
                "named 3:1@0 4:0 5:0", "named 3:1@0 4:0@1 5:ENOBUFS", "named 3:1@0 4:0 5:0@1"}));
}

}  // namespace
}  // namespace uring::testing
