#include <gmock/gmock.h>

#include <cerrno>
#include <string>

#include "gtest/gtest.h"
#include "tests/sim/descriptors.h"
#include "tests/sim/outcomes.h"
#include "tests/sim/raw_ring.h"
#include "uring/testing/sim_kernel.h"

// What a cancel request may be answered with, what its target may come to, and in which order the
// two complete. Request 1 is the target, 2 asks for its cancelling.

namespace uring::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

SimKnobs wild_cancels() {
  SimKnobs knobs;
  knobs.any_order = true;
  knobs.steps_per_enter = 1;
  knobs.cancel_not_found_one_in = 2;
  knobs.cancel_already_one_in = 2;
  knobs.cancel_late_one_in = 2;
  knobs.cancel_eintr_one_in = 2;
  return knobs;
}

TEST(SimCancel, OfAWaitingReadIsAnsweredFirstAndTakesNothingByTheBook) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.read(1, fd.get(), buffer, sizeof buffer);
    ring.enter();
    ring.cancel(2, 1);
    std::string outcome = to_text(ring.run(2));
    stream->feed("kept");
    EXPECT_EQ(stream->unread(), 4u);
    return outcome;
  };
  EXPECT_THAT(every_outcome({}, script), ElementsAre("2:0 1:ECANCELED"));
}

TEST(SimCancel, OfAWaitingReadHasEveryAnswerWithEachEndInBothOrders) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.read(1, fd.get(), buffer, sizeof buffer);
    ring.enter();
    ring.cancel(2, 1);
    return to_text(ring.run(2));
  };
  EXPECT_THAT(
      every_outcome(wild_cancels(), script),
      UnorderedElementsAre("2:0 1:ECANCELED", "2:0 1:EINTR", "2:ENOENT 1:ECANCELED",
                           "2:ENOENT 1:EINTR", "2:EALREADY 1:ECANCELED", "2:EALREADY 1:EINTR",
                           "1:ECANCELED 2:0", "1:EINTR 2:0", "1:ECANCELED 2:ENOENT",
                           "1:EINTR 2:ENOENT", "1:ECANCELED 2:EALREADY", "1:EINTR 2:EALREADY"));
}

TEST(SimCancel, ThatWasNotTheTruthLeavesBytesOrTheirReadInPlace) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.read(1, fd.get(), buffer, sizeof buffer);
    ring.enter();
    ring.cancel(2, 1);
    ring.enter();
    stream->feed("kept");
    ring.enter(2);
    for (const Completion& completion : ring.completions()) {
      if (completion.user_data == 1) {
        bool has_bytes = completion.result > 0;
        EXPECT_EQ(stream->unread(), has_bytes ? 0u : 4u);
        return to_text(completion);
      }
    }
    return std::string("nothing");
  };
  EXPECT_THAT(every_outcome(wild_cancels(), script),
              UnorderedElementsAre("1:4", "1:ECANCELED", "1:EINTR"));
}

TEST(SimCancel, OfARunningReadNeverTakesItsBytesAway) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto stream = kernel.attach_stream(fd.get());
    stream->feed("abc");
    RawRing ring(kernel);
    std::string buffer(3, '.');
    ring.read(1, fd.get(), buffer.data(), 3);
    ring.enter();
    ring.cancel(2, 1);
    std::string outcome = to_text(ring.run(2));
    if (stream->unread() == 0) {
      EXPECT_EQ(buffer, "abc");
    }
    return outcome;
  };
  SimKnobs knobs = wild_cancels();
  knobs.pieces_one_in = 2;
  Outcomes outcomes = every_outcome(knobs, script);
  EXPECT_THAT(outcomes, UnorderedElementsAre("2:0 1:3", "2:ENOENT 1:3", "2:EALREADY 1:3", "1:3 2:0",
                                             "1:3 2:ENOENT", "1:3 2:EALREADY"));
}

TEST(SimCancel, OfAFileReadInMidCopyMayEndItShort) {
  auto script = [](SimKernel& kernel) {
    OwnedFd fd = empty_file();
    kernel.attach_file(fd.get(), "abc");
    RawRing ring(kernel);
    std::string buffer(3, '.');
    ring.read(1, fd.get(), buffer.data(), 3);
    ring.enter();
    ring.cancel(2, 1);
    return to_text(ring.run(2));
  };
  SimKnobs knobs = wild_cancels();
  knobs.pieces_one_in = 2;
  Outcomes outcomes = every_outcome(knobs, script);
  EXPECT_THAT(outcomes, Contains("2:EALREADY 1:1"));
  EXPECT_THAT(outcomes, Contains("2:EALREADY 1:2"));
  EXPECT_THAT(outcomes, Contains("2:0 1:3"));
  EXPECT_THAT(outcomes, Not(Contains("2:0 1:1")));
}

TEST(SimCancel, OfAReadAtTheEndMayStillFindTheEnd) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.read(1, fd.get(), buffer, sizeof buffer);
    ring.enter();
    ring.cancel(2, 1);
    ring.enter();
    stream->end();
    ring.enter(2);
    std::string outcome;
    for (const Completion& completion : ring.completions()) {
      if (completion.user_data == 1) outcome = to_text(completion);
    }
    return outcome;
  };
  EXPECT_THAT(every_outcome(wild_cancels(), script),
              UnorderedElementsAre("1:0", "1:ECANCELED", "1:EINTR"));
}

TEST(SimCancel, FindsNothingBeforeItsTargetOrAfterItsEnd) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto stream = kernel.attach_stream(fd.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.cancel(2, 1);
    ring.read(1, fd.get(), buffer, sizeof buffer);
    std::string outcome = to_text(ring.run());
    stream->feed("now");
    outcome += ", " + to_text(ring.run(1));
    ring.cancel(3, 1);
    return outcome + ", " + to_text(ring.run());
  };
  EXPECT_THAT(every_outcome({}, script), ElementsAre("2:ENOENT, 1:3, 3:ENOENT"));
}

TEST(SimCancel, OfAnythingOrOfADescriptorIsAnsweredWithHowMany) {
  auto script = [](SimKernel& kernel) {
    auto [fd, other_end] = make_pipe();
    auto [second, its_other_end] = make_pipe();
    kernel.attach_stream(fd.get());
    kernel.attach_stream(second.get());
    RawRing ring(kernel);
    char buffer[8];
    ring.read(1, fd.get(), buffer, 8);
    ring.read(2, fd.get(), buffer, 8);
    ring.read(3, second.get(), buffer, 8);
    ring.enter();
    io_uring_prep_cancel_fd(ring.entry(4), fd.get(), IORING_ASYNC_CANCEL_ALL);
    std::string outcome = to_text(ring.run(3));
    ring.cancel(5, 0, IORING_ASYNC_CANCEL_ANY);
    return outcome + ", " + to_text(ring.run(2));
  };
  EXPECT_THAT(every_outcome({}, script),
              ElementsAre("4:2 1:ECANCELED 2:ECANCELED, 5:1 3:ECANCELED"));
}

TEST(SimCancel, OfWhatIsHeldSaysAlreadyAndChangesNothing) {
  auto script = [](SimKernel& kernel) {
    OwnedFd fd = empty_file();
    kernel.attach_file(fd.get(), "abc");
    RawRing ring(kernel);
    std::string buffer(3, '.');
    kernel.hold(true);
    ring.read(1, fd.get(), buffer.data(), 3);
    ring.enter();
    ring.cancel(2, 1);
    std::string outcome = to_text(ring.run(1));
    EXPECT_EQ(ring.enter(1, std::chrono::milliseconds(5)), -ETIME);
    EXPECT_EQ(buffer, "...");
    kernel.hold(false);
    outcome += ", " + to_text(ring.run(1));
    EXPECT_EQ(buffer, "abc");
    return outcome;
  };
  EXPECT_THAT(every_outcome({}, script), ElementsAre("2:EALREADY, 1:3"));
}

TEST(SimCancel, WithFlagsItDoesNotKnowIsInvalid) {
  auto script = [](SimKernel& kernel) {
    RawRing ring(kernel);
    ring.cancel(2, 1, 1U << 20);
    return to_text(ring.run());
  };
  EXPECT_THAT(every_outcome({}, script), ElementsAre("2:EINVAL"));
}

}  // namespace
}  // namespace uring::testing
