// What the kit's sources do, and what its check of sources catches.

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/testing/cancel_every.h"
#include "bufio/testing/check_source_contract.h"
#include "bufio/testing/for_all_splits.h"
#include "bufio/testing/messages_run.h"
#include "bufio/testing/run_at_once.h"
#include "bufio/testing/scripted_source.h"
#include "bufio/testing/simulated_ring.h"
#include "bufio/testing/split.h"
#include "gtest/gtest.h"
#include "tests/kit/test_parsers.h"
#include "tests/reader_testing.h"
#include "uring/block_on.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio::testing {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces(const Split& split) {
  Pieces all;
  for (size_t i = 0; i < split.pieces(); ++i) all.emplace_back(split.piece(i));
  return all;
}

TEST(SplitTest, Pieces) {
  EXPECT_EQ(pieces(Split::whole("abcdef")), Pieces{"abcdef"});
  EXPECT_EQ(pieces(Split::whole("")), Pieces{});
  EXPECT_EQ(pieces(Split::one_byte_each("abc")), (Pieces{"a", "b", "c"}));
  EXPECT_EQ(pieces(Split::halves("abcdef")), (Pieces{"abc", "d", "e", "f"}));
  EXPECT_EQ(pieces(Split::at("abcdef", {0, 2, 2, 5})), (Pieces{"ab", "cde", "f"}));
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::string all;
    for (const std::string& piece : pieces(Split::random(pattern(200), seed))) all += piece;
    EXPECT_EQ(all.size(), 200U);
  }
  EXPECT_EQ(pieces(Split::random("abcdefgh", 7)), pieces(Split::random("abcdefgh", 7)));
}

TEST(ForAllSplitsTest, EveryCutAndEveryTwoOfASmallInput) {
  std::vector<Pieces> all;
  for_all_splits("abcd", [&all](const Split& split) { all.push_back(pieces(split)); });
  EXPECT_EQ(all, (std::vector<Pieces>{{"abcd"},
                                      {"a", "b", "c", "d"},
                                      {"ab", "c", "d"},
                                      {"a", "bcd"},
                                      {"ab", "cd"},
                                      {"abc", "d"},
                                      {"a", "b", "cd"},
                                      {"a", "bc", "d"},
                                      {"ab", "c", "d"}}));
}

TEST(ForAllSplitsTest, SeedsOfALargeOne) {
  size_t count = 0;
  for_all_splits(pattern(5000), [&count](const Split&) { ++count; }, {.seeds = 10});
  EXPECT_EQ(count, 13U);
}

TEST(ForAllSplitsTest, TheFirstFailureIsNamed) {
  const auto test = [](const Split& split) {
    return split.pieces() == 2 && split.piece(0).size() == 3 ? absl::AbortedError("bad")
                                                             : absl::OkStatus();
  };
  EXPECT_EQ(for_all_splits("abcdef", test), absl::AbortedError("cut at 3 of 6 bytes: bad"));
}

// --- scripted sources

class ScriptedSourceTest : public RingTest {};

TEST_F(ScriptedSourceTest, DoesWhatItsScriptSays) {
  Reader reader =
      read_source(ring(), scripted(ring(), Script().chunk("one").stall(3).chunk("two").fail(
                                               absl::UnavailableError("gone"))));
  EXPECT_EQ(text(await(reader.fill_buf())), "one");
  EXPECT_EQ(text(await(reader.require(6))), "onetwo");
  reader.consume(6);
  EXPECT_EQ(code(await(reader.fill_buf())), absl::StatusCode::kUnavailable);
}

TEST_F(ScriptedSourceTest, AHangingOneIsWaitedForUntilTheDeadline) {
  Reader reader = read_source(ring(), scripted(ring(), Script().chunk("one").hang()));
  reader.set_deadline(std::chrono::steady_clock::time_point());
  EXPECT_EQ(code(await(reader.require(4))), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(reader.buffered(), "one");
}

TEST_F(ScriptedSourceTest, AnErrorAfterSoManyBytes) {
  Reader reader =
      read_source(scripted(Script::error_after("abcdef", 4, absl::DataLossError("torn"))));
  EXPECT_EQ(text(run_at_once(reader.fill_buf(4))), "abcd");
  EXPECT_EQ(code(run_at_once(reader.fill_buf(5))), absl::StatusCode::kDataLoss);
}

TEST(StrictSourceDeathTest, AskedAfterItsEnd) {
  const std::unique_ptr<Source> source = scripted(Split::whole("a"));
  std::string into(8, '\0');
  EXPECT_EQ(*run_at_once(source->read(into)), 1U);
  EXPECT_EQ(*run_at_once(source->read(into)), 0U);
  EXPECT_DEATH(static_cast<void>(run_at_once(source->read(into))), "asked again after its end");
}

TEST(StrictSourceDeathTest, AskedForNothing) {
  const std::unique_ptr<Source> source = scripted(Split::whole("a"));
  EXPECT_DEATH(static_cast<void>(run_at_once(source->read(std::span<char>()))), "for no bytes");
}

TEST(ScriptedSourceDeathTest, AStallNeedsARing) {
  EXPECT_DEATH(static_cast<void>(scripted(Script().stall())), "needs a Ring");
}

// --- check_source_contract

// A source over text with a fault at its middle.
enum class Fault { kNone, kLosesAByte, kRepeatsAByte, kEndsEarly, kFails, kChangesAByte };

class FaultySource final : public Source {
 public:
  FaultySource(uring::Ring& ring, std::string text, Fault fault)
      : ring_(ring), text_(std::move(text)), fault_(fault) {}

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    if (++reads_ % 3 == 0) co_await uring::yield(ring_);
    size_t size = std::min({into.size(), text_.size() - given_, size_t{7}});
    if (given_ >= text_.size() / 2 && size > 1) {
      const Fault fault = std::exchange(fault_, Fault::kNone);
      if (fault == Fault::kLosesAByte) ++given_, --size;
      if (fault == Fault::kRepeatsAByte) --given_;
      if (fault == Fault::kEndsEarly) co_return size_t{0};
      if (fault == Fault::kFails) co_return absl::UnavailableError("gone");
      if (fault == Fault::kChangesAByte) ++text_[given_];
    }
    std::copy_n(text_.data() + given_, size, into.data());
    given_ += size;
    co_return size;
  }

 private:
  uring::Ring& ring_;
  std::string text_;
  Fault fault_;
  size_t given_ = 0;
  size_t reads_ = 0;
};

class SourceContractTest : public RingTest {
 protected:
  absl::Status check(Fault fault) {
    const std::string text = pattern(1000);
    const auto make = [&] {
      return read_source(ring(), strict(std::make_unique<FaultySource>(ring(), text, fault)));
    };
    return check_source_contract(ring(), make, text, {.seeds = 10});
  }
};

TEST_F(SourceContractTest, AGoodSourcePasses) { EXPECT_EQ(check(Fault::kNone), absl::OkStatus()); }

TEST_F(SourceContractTest, EveryFaultIsCaught) {
  for (const Fault fault : {Fault::kLosesAByte, Fault::kRepeatsAByte, Fault::kEndsEarly,
                            Fault::kFails, Fault::kChangesAByte}) {
    const absl::Status status = check(fault);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_NE(std::string(status.message()).find("seed 1: "), std::string::npos) << status;
  }
}

TEST_F(SourceContractTest, AnEndThatIsAnErrorIsExpected) {
  const std::string text = pattern(500);
  const auto make = [&] {
    return read_source(scripted(Script::error_after(text, 500, absl::UnavailableError("gone"))));
  };
  EXPECT_EQ(check_source_contract(ring(), make, text, {.end = absl::StatusCode::kUnavailable}),
            absl::OkStatus());
  EXPECT_FALSE(check_source_contract(ring(), make, text).ok());
  const auto ends = [&] { return read_view(text); };
  EXPECT_EQ(check_source_contract(ring(), ends, text), absl::OkStatus());
  EXPECT_FALSE(
      check_source_contract(ring(), ends, text, {.end = absl::StatusCode::kUnavailable}).ok());
  const auto shorter = [&] { return read_view(std::string_view(text).substr(1)); };
  EXPECT_FALSE(check_source_contract(ring(), shorter, text).ok());
  const auto longer = [&] { return read_view(text); };
  EXPECT_FALSE(check_source_contract(ring(), longer, text.substr(0, 400)).ok());
}

// --- calls that are given up

class CancelEveryTest : public RingTest {};

TEST_F(CancelEveryTest, EveryCallGivenUpGivesTheSameMessages) {
  const std::string words = "one.#2xxtwo.three.3.";
  for (size_t turns = 1; turns < 4; ++turns) {
    size_t given_up = 0;
    const ParserRun run = run_messages_cancelled(ring(), WordParser(), Split::one_byte_each(words),
                                                 PrintValue(), turns, &given_up);
    ASSERT_EQ(run.messages.size(), 4U);
    EXPECT_EQ(run.messages[1].value, "two");
    EXPECT_EQ(run.messages[3].value, "3");
    EXPECT_EQ(run.status, absl::OkStatus());
    EXPECT_GE(given_up, 4U);
  }
  size_t given_up = 0;
  const ParserRun run = run_messages_cancelled(
      ring(), PrefixParser(), Split::one_byte_each("3abc2de1f"), PrintValue(), 1, &given_up);
  EXPECT_EQ(run.messages.size(), 3U);
  EXPECT_EQ(run.status, absl::OkStatus());
  EXPECT_GE(given_up, 3U);
}

// --- the simulated kernel

uring::Task<std::string> drain_often_cancelled(uring::Ring& ring, Reader& reader,
                                               absl::Status& status) {
  std::string all;
  CancelEvery cancels(ring, 2);
  auto fill = [&reader] { return reader.fill_buf(); };
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await cancels.call(fill);
    status = view.status();
    if (!view.ok() || view->empty()) break;
    all += *view;
    reader.consume(view->size());
  }
  co_return all;
}

TEST(SimulatedRingTest, EverySeedGivesTheBytes) {
  const std::string text = pattern(700);
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SimulatedRing simulated(seed);
    Reader reader = simulated.read(Split::random(text, seed), {.read_size = 64});
    absl::Status status;
    EXPECT_EQ(
        uring::block_on(simulated.ring(), drain_often_cancelled(simulated.ring(), reader, status)),
        text)
        << "seed " << seed;
    EXPECT_EQ(status, absl::OkStatus());
  }
}

TEST(SimulatedRingTest, AnErrorComesBehindTheBytes) {
  SimulatedRing simulated(3);
  Reader reader = simulated.read(Split::halves("abcdef"), {}, ECONNRESET);
  absl::Status status;
  EXPECT_EQ(
      uring::block_on(simulated.ring(), drain_often_cancelled(simulated.ring(), reader, status)),
      "abcdef");
  EXPECT_EQ(uring::errno_of(status), ECONNRESET) << status;
}

TEST(SimulatedRingTest, SourcesKeepTheirContractOnIt) {
  const std::string text = pattern(300);
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SimulatedRing simulated(seed);
    const auto make = [&] { return simulated.read(Split::random(text, seed)); };
    EXPECT_EQ(check_source_contract(simulated.ring(), make, text, {.seeds = 3}), absl::OkStatus())
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace bufio::testing
