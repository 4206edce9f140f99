// Small worlds, walked to their ends: every order of what a test does and what the kernel does,
// every answer to a cancel, every error, with up to three requests in flight.
//
// What goes wrong in a large program mostly goes wrong in a small one already, and here none is
// left out.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "bufio/descriptor.h"
#include "bufio/reader.h"
#include "tests/ring_testing.h"
#include "tests/simulate/sim_system.h"
#include "tests/simulate/unobserved.h"
#include "tests/simulate/world.h"
#include "uring/ring.h"
#include "uring/sanitizer.h"
#include "uring/status.h"
#include "uring/task.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_knobs.h"

namespace bufio::simulate {
namespace {

using uring::testing::AllChoices;
using uring::testing::SimKnobs;

// Instrumented code is slower, and walks only the beginning.
constexpr uint64_t kMostRuns = uring::kAddressSanitizer ? 10'000 : 2'000'000;

// The same answers again.
class ReplayedChoices final : public Choices {
 public:
  explicit ReplayedChoices(std::vector<uint32_t> answers) : answers_(std::move(answers)) {}
  uint32_t below(uint32_t n) override { return at_ < answers_.size() ? answers_[at_++] % n : 0; }

 private:
  std::vector<uint32_t> answers_;
  size_t at_ = 0;
};

// As another one says, for so many answers; then what is plainest, so that every run ends.
class LimitedChoices final : public Choices {
 public:
  LimitedChoices(Choices& choices, size_t most) : choices_(choices), left_(most) {}
  uint32_t below(uint32_t n) override {
    if (left_ == 0) return 0;
    --left_;
    return choices_.below(n);
  }

 private:
  Choices& choices_;
  size_t left_;
};

// So many decisions are the kernel's, unless a scope says otherwise.
constexpr size_t kKernelDecisions = 7;

// Runs `run(choices, trace)`, which says what went wrong, with all choices there are.
template <class Run>
void for_all_choices(Run run) {
  AllChoices all;
  uint64_t runs = 0;
  do {
    ++runs;
    if (run(all, LineSink()).empty()) continue;
    const std::vector<uint32_t> answers = all.answers();
    std::string trace;
    ReplayedChoices again(answers);
    const LineSink sink = [&trace](std::string_view line) { (trace += line) += '\n'; };
    const std::string wrong = run(again, sink);
    ADD_FAILURE() << wrong << ", in run " << runs << ": " << absl::StrJoin(answers, " ") << "\n"
                  << trace;
    return;
  } while (runs < kMostRuns && all.next_run());
  std::cout << runs << " runs" << (runs == kMostRuns ? ", not all" : "") << std::endl;
  EXPECT_GT(runs, 100u);
}

// A kernel whose requests make single steps, in any order, whenever they are told to.
SimKnobs any_order() {
  SimKnobs knobs;
  knobs.inline_one_in = 0;
  knobs.steps_per_enter = 1;
  knobs.any_order = true;
  return knobs;
}

// --- one Reader ----------------------------------------------------------------------------------

enum class Over { kPipe, kFileReadAhead };

// A Reader and one who takes what it brings.
class Play {
 public:
  Play(Choices& choices, const SimKnobs& knobs, Over over, std::string text, const LineSink& trace,
       size_t kernel_decisions = kKernelDecisions)
      : text_(std::move(text)),
        kernel_choices_(choices, kernel_decisions),
        world_(make_sim_system(kernel_choices_, knobs),
               {.entries = 8, .completion_entries = 32, .max_in_flight = 16}, trace) {
    int fd = -1;
    ReaderOptions options = {.read_size = 2, .max_read_ahead = 1, .pipe_size = 0};
    options.buffers = BufferKind::kHeap;
    if (over == Over::kPipe) {
      feeder_ = &world_.make_stream(StreamKind::kPipe, text_, 0, 1, fd, /*most=*/2);
    } else {
      options.offload = true;  // always reads ahead
      fd = world_.make_file(text_);
    }
    reader_.emplace(adopt_fd(*world_.ring(0), fd, options));
  }

  World& world() { return world_; }
  bool failed() const { return world_.failed(); }

  // --- what may be done
  void turn() {
    world_.note("turn");
    world_.turn(0);
    look();
  }
  void step() {
    world_.note("step");
    world_.system().step();
    look();
  }
  void feed() {
    world_.note("feed");
    if (feeder_ != nullptr) feeder_->feed();
  }
  // Calls, or destroys the call that waits.
  void call_or_cancel() {
    if (call_) {
      world_.note("destroy the call");
      call_.reset();
    } else if (reader_) {
      world_.note("call");
      call_ = take();
      static_cast<void>(call_.start(Unobserved::instance()));
    }
    look();
  }
  void destroy_reader() {
    world_.note("destroy the Reader");
    reader_.reset();
  }
  void destroy_ring() {
    world_.note("destroy the Ring");
    world_.destroy_ring(0);
    call_.reset();  // nobody would resume it
    look();
  }

  // Reads what is left, and lets go of everything.
  std::string end() {
    for (int rounds = 0; reader_ && !over_ && !failed(); ++rounds) {
      if (rounds == 200) world_.fail("it never comes to an end");
      if (!call_) call_or_cancel();
      if (world_.ring(0) != nullptr && !over_) turn();
    }
    const bool whole = got_ == text_ || !reader_ || error_seen_;
    if (!whole) world_.fail("bytes are missing");
    call_.reset();
    reader_.reset();
    if (!failed()) world_.end();
    return world_.failure();
  }

 private:
  uring::Task<void> take() {
    absl::StatusOr<std::string_view> view = co_await reader_->fill_buf();
    if (!view.ok()) {
      over_ = true;
      error_seen_ = true;
      const bool expected =
          uring::errno_of(view.status()) == EIO || (world_.ring(0) == nullptr || !reader_);
      if (!expected) world_.fail(view.status().ToString());
      co_return;
    }
    over_ = view->empty();
    got_ += *view;
    reader_->consume(view->size());
  }

  void look() {
    world_.check();
    if (call_ && call_.ended()) call_.reset();
    if (text_.substr(0, got_.size()) != got_) world_.fail("wrong bytes");
    if (!reader_) return;
    const std::string_view rest =
        std::string_view(text_).substr(std::min(got_.size(), text_.size()));
    if (reader_->buffered() != rest.substr(0, reader_->available())) world_.fail("wrong window");
  }

  std::string text_;
  LimitedChoices kernel_choices_;
  World world_;
  Feeder* feeder_ = nullptr;
  std::optional<Reader> reader_;
  uring::Task<void> call_;
  std::string got_;
  bool over_ = false;
  bool error_seen_ = false;
};

TEST(OneRead, DestroyedCallsLoseNoByteInAnyOrder) {
  for_all_choices([](Choices& choices, const LineSink& trace) {
    Play play(choices, any_order(), Over::kPipe, "abc", trace);
    for (int i = 0; i < 6 && !play.failed(); ++i) {
      switch (choices.below(4)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        case 2:
          play.step();
          break;
        default:
          play.feed();
      }
    }
    return play.end();
  });
}

TEST(OneRead, ErrorsInterruptionsAndShortReadsComeAtEachStep) {
  SimKnobs knobs = any_order();
  knobs.error_one_in = 2;
  knobs.errors = {EIO};
  knobs.interrupted_one_in = 2;
  knobs.short_one_in = 2;
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    Play play(choices, knobs, Over::kPipe, "abc", trace, 10);
    for (int i = 0; i < 4 && !play.failed(); ++i) {
      switch (choices.below(3)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        default:
          play.feed();
      }
    }
    return play.end();
  });
}

// Every way to answer a cancel, with the copy in pieces around it.
SimKnobs any_cancel() {
  SimKnobs knobs = any_order();
  knobs.cancel_not_found_one_in = 2;
  knobs.cancel_already_one_in = 2;
  knobs.cancel_late_one_in = 2;
  knobs.cancel_eintr_one_in = 2;
  return knobs;
}

TEST(OneRead, ReaderIsDestroyedAtEachPointAndTheCancelAnsweredInEachWay) {
  SimKnobs knobs = any_cancel();
  knobs.pieces_one_in = 2;
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    Play play(choices, knobs, Over::kPipe, "abc", trace);
    const uint32_t doomed = choices.below(4);
    for (uint32_t i = 0; i < 4 && !play.failed(); ++i) {
      if (i == doomed) play.destroy_reader();
      switch (choices.below(4)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        case 2:
          play.step();
          break;
        default:
          play.feed();
      }
    }
    return play.end();
  });
}

TEST(OneRead, RingIsDestroyedAtEachPoint) {
  SimKnobs knobs = any_cancel();
  knobs.pieces_one_in = 2;
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    Play play(choices, knobs, Over::kPipe, "abc", trace);
    const uint32_t doomed = choices.below(4);
    for (uint32_t i = 0; i < 4 && !play.failed(); ++i) {
      if (i == doomed) play.destroy_ring();
      switch (choices.below(4)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        case 2:
          play.step();
          break;
        default:
          play.feed();
      }
    }
    return play.end();
  });
}

TEST(OneRead, StuckKernelKeepsItsMemoryWhenTheRingGoes) {
  SimKnobs knobs = any_order();
  knobs.pieces_one_in = 2;
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    Play play(choices, knobs, Over::kPipe, "abc", trace);
    play.call_or_cancel();
    play.feed();
    for (int i = 0; i < 2 && !play.failed(); ++i) {
      switch (choices.below(3)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.step();
          break;
        default:
          play.call_or_cancel();
      }
    }
    play.world().system().hold(true);
    if (choices.below(2) == 1) play.destroy_reader();
    play.destroy_ring();
    return play.end();
  });
}

// --- reads ahead ---------------------------------------------------------------------------------

TEST(TwoReadsAhead, CompleteInEachOrderShortAndWithErrors) {
  SimKnobs knobs = any_order();
  knobs.short_one_in = 2;
  knobs.error_one_in = 2;
  knobs.errors = {EIO};
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    Play play(choices, knobs, Over::kFileReadAhead, "abcde", trace, 12);
    for (int i = 0; i < 4 && !play.failed(); ++i) {
      switch (choices.below(3)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        default:
          play.step();
      }
    }
    return play.end();
  });
}

TEST(TwoReadsAhead, AreLetGoOfAtEachPoint) {
  for_all_choices([](Choices& choices, const LineSink& trace) {
    Play play(choices, any_cancel(), Over::kFileReadAhead, "abcdef", trace, 6);
    play.call_or_cancel();
    const uint32_t doomed = choices.below(8);
    for (uint32_t i = 0; i < 4 && !play.failed(); ++i) {
      if (i == doomed) play.destroy_reader();
      if (i + 4 == doomed) play.destroy_ring();
      switch (choices.below(3)) {
        case 0:
          play.turn();
          break;
        case 1:
          play.call_or_cancel();
          break;
        default:
          play.step();
      }
    }
    return play.end();
  });
}

// --- three requests, and cancels -----------------------------------------------------------------

using uring::testing::Request;

TEST(ThreeRequests, EachCompletesOnceHoweverItsCancelIsAnswered) {
  const SimKnobs knobs = any_cancel();
  for_all_choices([&knobs](Choices& choices, const LineSink& trace) {
    // Two entries, so that the third waits in the Ring.
    LimitedChoices kernel_choices(choices, kKernelDecisions);
    World world(make_sim_system(kernel_choices, knobs),
                {.entries = 2, .completion_entries = 8, .max_in_flight = 4}, trace);
    std::vector<int> ends;
    std::vector<std::unique_ptr<FarEnd>> far_ends(3);
    std::vector<uring::Ref<Request>> requests;
    std::vector<bool> abandoned(3, false);
    for (size_t i = 0; i < 3; ++i) {
      ends.push_back(world.system().make_stream(StreamKind::kPipe, far_ends[i]));
      far_ends[i]->write("x");
      requests.push_back(uring::make_ref<Request>(*world.ring(0)));
      requests.back()->read(ends.back()).start();
    }
    for (int i = 0; i < 3 && !world.failed(); ++i) {
      const uint32_t what = choices.below(8);
      world.note("action ", what);
      if (what < 3) {
        requests[what]->cancel();
      } else if (what < 6) {
        requests[what - 3]->abandon();
        abandoned[what - 3] = true;
      } else if (what == 6) {
        world.turn(0);
      } else {
        world.system().step();
      }
      world.check();
    }
    world.end();
    for (size_t i = 0; i < 3; ++i) {
      const int completions = requests[i]->completions();
      if (completions > 1) world.fail("completed twice");
      if (completions == 0 && !abandoned[i]) world.fail("never completed");
      ::close(ends[i]);
    }
    return world.failure();
  });
}

}  // namespace
}  // namespace bufio::simulate
