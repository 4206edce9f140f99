// Owned calls and raw operations over a simulated kernel that does whatever a kernel may, by seed:
// with cancel() no byte is lost or repeated, and whatever happens nothing is freed early.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/ownership/owned_testing.h"
#include "tests/sim/descriptors.h"
#include "uring/raw_operation.h"
#include "uring/read_owned.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_knobs.h"
#include "uring/testing/sim_memory.h"
#include "uring/write_owned.h"

namespace uring {
namespace {

using testing::pattern;
using testing::ResourceBuffer;
using testing::SeededChoices;
using testing::SimFile;
using testing::SimKernel;
using testing::SimKnobs;
using testing::SimMemory;
using testing::SimStream;
using testing::Waiting;

constexpr uint64_t kSeeds = 400;
constexpr size_t kMost = 40;  // bytes in a request
constexpr int kPatience = 20000;

enum class Kind { kFile, kPipe, kSocket };
constexpr Kind kKinds[] = {Kind::kFile, Kind::kPipe, Kind::kSocket};

SimKnobs knobs_without_errors(SeededChoices& choices) {
  SimKnobs knobs = testing::random_knobs(choices);
  knobs.error_one_in = 0;
  return knobs;
}

// A Ring on a simulated kernel, and one thing to read or write.
class Rig {
 public:
  Rig(uint64_t seed, Kind kind, bool to_write)
      : choices_(seed), kernel_(choices_, knobs_without_errors(choices_)), kind_(kind) {
    kernel_.watch(memory_);
    if (kind == Kind::kFile) {
      fd_ = testing::empty_file();
    } else {
      auto [reader, writer] = kind == Kind::kPipe ? testing::make_pipe() : testing::make_sockets();
      fd_ = to_write ? std::move(writer) : std::move(reader);
      stream_ = kernel_.attach_stream(fd_.get());
      if (to_write) stream_->set_room(0);
    }
    kernel_.on_idle = [this, to_write] { return to_write ? take_some() : feed(); };
    RingOptions options;
    options.kernel = &kernel_;
    options.entries = 8;
    options.completion_entries = 16;
    options.on_leak = [this](std::string_view report) { leaks_ += report; };
    ring_.emplace(Ring::create(std::move(options)).value());
    file_.emplace(File::borrow(*ring_, fd_.get()));
  }

  void source(std::string text) {
    text_ = std::move(text);
    if (kind_ == Kind::kFile) sim_file_ = kernel_.attach_file(fd_.get(), text_);
  }
  void target() {
    if (kind_ == Kind::kFile) sim_file_ = kernel_.attach_file(fd_.get(), "");
  }

  SeededChoices& choices() { return choices_; }
  SimMemory& memory() { return memory_; }
  SimKernel& kernel() { return kernel_; }
  Ring& ring() { return *ring_; }
  const File& file() { return *file_; }
  const std::string& text() const { return text_; }
  const std::string& leaks() const { return leaks_; }
  FileOffset offset(size_t at) const {
    return kind_ == Kind::kFile ? FileOffset(at) : kCurrentPosition;
  }
  const std::string& written() const {
    return kind_ == Kind::kFile ? sim_file_->bytes() : stream_->written();
  }
  // How many bytes of the text were taken out of a stream.
  size_t taken() const { return fed_ - stream_->unread(); }
  ResourceBuffer buffer(std::string_view bytes) {
    ResourceBuffer made(memory_, std::max<size_t>(bytes.size(), 1), bytes.size());
    bytes.copy(OwnedBufferTraits<ResourceBuffer>::data(made), bytes.size());
    return made;
  }

  // Lets a few things happen, in the Ring or only in the kernel.
  void go_on() {
    for (uint32_t steps = choices_.below(4); steps > 0; --steps) {
      if (choices_.below(2) == 0) {
        kernel_.step();
      } else {
        ring_->core().submit();
      }
    }
    if (kind_ != Kind::kFile && choices_.below(3) == 0) kernel_.on_idle();
  }
  template <class Done>
  bool turn_until(Done done) {
    return testing::turn_until(*ring_, done, kPatience);
  }
  bool drain() {
    return turn_until([&] { return ring_->stats().in_flight == 0; });
  }
  void destroy_ring() { ring_.reset(); }

  // In the end, with every call and the Ring gone.
  void expect_clean() {
    ring_.reset();
    EXPECT_EQ(kernel_.violations(), std::vector<std::string>{});
    if (!leaks_.empty()) return;
    EXPECT_EQ(kernel_.in_flight(), 0u);
    EXPECT_EQ(memory_.live_blocks(), 0u);
  }

 private:
  bool feed() {
    if (stream_ == nullptr || stream_->ended()) return false;
    const size_t size = std::min<size_t>(choices_.between(1, 30), text_.size() - fed_);
    stream_->feed(std::string_view(text_).substr(fed_, size));
    fed_ += size;
    if (size == 0) stream_->end();
    return true;
  }
  bool take_some() {
    if (stream_ == nullptr) return false;
    stream_->set_room(choices_.between(1, 30));
    return true;
  }

  SeededChoices choices_;
  SimMemory memory_;
  SimKernel kernel_;
  Kind kind_;
  OwnedFd fd_;
  std::shared_ptr<SimFile> sim_file_;
  std::shared_ptr<SimStream> stream_;
  std::string text_;
  size_t fed_ = 0;
  std::string leaks_;
  std::optional<Ring> ring_;
  std::optional<File> file_;
};

// What a call came to, of whatever kind it was.
struct Came {
  absl::Status status;
  std::string bytes;  // that went over
  bool gone = false;  // its waiter was destroyed
};

// Runs one call, which may be cancelled on the way, or destroyed.
template <class Call>
void run(Rig& rig, Call made, bool may_be_destroyed, Came& came,
         const std::function<std::string(typename Waiting<Call>::Result&)>& bytes_of) {
  if (rig.choices().below(12) == 0) made.cancel();
  Waiting<Call> call(std::move(made));
  rig.go_on();
  const uint32_t fate = rig.choices().below(3);
  if (fate == 0 && !call.over()) call.call().cancel();
  if (fate == 1 && may_be_destroyed && !call.over()) {
    call.destroy();
    came.gone = true;
    return;
  }
  rig.go_on();
  ASSERT_TRUE(rig.turn_until([&] { return call.over(); })) << "it never ended";
  if constexpr (requires { call->status; }) {
    came.status = call->status;
  } else {
    came.status = call->result.status();
  }
  came.bytes = bytes_of(*call);
}

std::string joined(const std::vector<ResourceBuffer>& buffers) {
  std::string bytes;
  for (const ResourceBuffer& buffer : buffers) bytes += buffer.view();
  return bytes;
}

// One read of some kind, at `at`. All buffers begin without bytes that count.
void read_some(Rig& rig, size_t at, bool may_be_destroyed, Came& came) {
  SimMemory& memory = rig.memory();
  const size_t room = rig.choices().between(1, kMost);
  const auto several = [&] {
    std::vector<ResourceBuffer> buffers;
    for (size_t left = room; left > 0;) {
      const size_t size = rig.choices().between(1, static_cast<uint32_t>(left));
      buffers.emplace_back(memory, size);
      left -= size;
    }
    return buffers;
  };
  const auto view = [](auto& result) { return std::string(result.buffer.view()); };
  const auto views = [](auto& result) { return joined(result.buffer); };
  const FileOffset offset = rig.offset(at);
  switch (rig.choices().below(4)) {
    case 0:
      return run(rig, read_owned(rig.file(), ResourceBuffer(memory, room), offset),
                 may_be_destroyed, came, view);
    case 1:
      return run(rig, read_exact_owned(rig.file(), ResourceBuffer(memory, kMost), room, offset),
                 may_be_destroyed, came, view);
    case 2:
      return run(rig, readv_owned(rig.file(), several(), offset), may_be_destroyed, came, views);
    default:
      return run(rig, readv_exact_owned(rig.file(), several(), room, offset), may_be_destroyed,
                 came, views);
  }
}

// --- reads ---------------------------------------------------------------------------------------

void read_all(Rig& rig, bool may_be_destroyed) {
  rig.source(pattern(rig.choices().between(0, 400)));
  const std::string& text = rig.text();
  size_t at = 0;
  int ends = 0;
  for (int calls = 0; calls < 3000 && ends < 3; ++calls) {
    Came came;
    ASSERT_NO_FATAL_FAILURE(read_some(rig, at, may_be_destroyed, came));
    ASSERT_EQ(came.bytes, text.substr(at, came.bytes.size())) << "at " << at;
    at += came.bytes.size();
    if (came.gone) {
      ASSERT_TRUE(rig.drain());
      // What a destroyed call had read is gone with it, and nothing else.
      if (rig.offset(0).is_current()) at = rig.taken();
      continue;
    }
    if (came.status.ok()) {
      ends += came.bytes.empty() ? 1 : 0;
    } else if (absl::IsOutOfRange(came.status) || absl::IsDataLoss(came.status)) {
      ASSERT_EQ(at, text.size());
      ++ends;
    } else {
      ASSERT_TRUE(absl::IsCancelled(came.status)) << came.status;
    }
  }
  EXPECT_EQ(at, text.size());
}

void on_every_seed(bool to_write, const std::function<void(Rig&)>& program) {
  for (const Kind kind : kKinds) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      SCOPED_TRACE(::testing::Message() << "kind " << static_cast<int>(kind) << ", seed " << seed);
      Rig rig(seed, kind, to_write);
      program(rig);
      rig.expect_clean();
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(OwnedSim, CancelledReadsLoseNoByteAndRepeatNone) {
  on_every_seed(false, [](Rig& rig) { read_all(rig, false); });
}

TEST(OwnedSim, DestroyedReadsFreeNothingEarlyAndTakeOnlyTheirOwnBytes) {
  on_every_seed(false, [](Rig& rig) { read_all(rig, true); });
}

// --- writes --------------------------------------------------------------------------------------

// Writes some of `next`; what went over is what was taken of it.
void write_some(Rig& rig, std::string_view next, size_t at, Came& came) {
  next = next.substr(0, rig.choices().between(1, kMost));
  const auto moved = [next](auto& result) {
    if constexpr (requires { result.transferred; }) {
      return std::string(next.substr(0, result.transferred));
    } else {
      return std::string(next.substr(0, result.result.ok() ? *result.result : 0));
    }
  };
  const FileOffset offset = rig.offset(at);
  // The simulated kernel knows no sendmsg.
  switch (rig.choices().below(rig.file().is_socket() ? 2 : 4)) {
    case 0:
      return run(rig, write_owned(rig.file(), rig.buffer(next), offset), false, came, moved);
    case 1:
      return run(rig, write_all_owned(rig.file(), rig.buffer(next), offset), false, came, moved);
    default: {
      std::vector<ResourceBuffer> buffers;
      for (size_t from = 0; from < next.size();) {
        const size_t size = rig.choices().between(1, static_cast<uint32_t>(next.size() - from));
        buffers.push_back(rig.buffer(next.substr(from, size)));
        from += size;
      }
      if (rig.choices().below(2) == 0) {
        return run(rig, writev_owned(rig.file(), std::move(buffers), offset), false, came, moved);
      }
      return run(rig, writev_all_owned(rig.file(), std::move(buffers), offset), false, came, moved);
    }
  }
}

TEST(OwnedSim, CancelledWritesSayExactlyWhatWasWritten) {
  on_every_seed(true, [](Rig& rig) {
    rig.target();
    const std::string text = pattern(rig.choices().between(1, 300));
    size_t at = 0;
    for (int calls = 0; calls < 3000 && at < text.size(); ++calls) {
      Came came;
      ASSERT_NO_FATAL_FAILURE(write_some(rig, std::string_view(text).substr(at), at, came));
      ASSERT_TRUE(came.status.ok() || absl::IsCancelled(came.status)) << came.status;
      at += came.bytes.size();
      ASSERT_EQ(rig.written(), text.substr(0, at));
    }
    EXPECT_EQ(at, text.size());
  });
}

// --- everything dropped at once ------------------------------------------------------------------

// Several calls, and the Ring, destroyed in any order.
TEST(OwnedSim, CallsAndTheirRingMayGoInAnyOrder) {
  on_every_seed(false, [](Rig& rig) {
    rig.source(pattern(1000));
    using Call = BufferExactCall<ResourceBuffer>;
    std::vector<std::unique_ptr<Waiting<Call>>> calls;
    for (uint32_t i = 0; i < 6; ++i) {
      calls.push_back(std::make_unique<Waiting<Call>>(read_exact_owned(
          rig.file(), ResourceBuffer(rig.memory(), kMost), kMost, rig.offset(i * kMost))));
      rig.go_on();
    }
    for (bool ring_is_there = true; !calls.empty();) {
      const uint32_t which = rig.choices().below(static_cast<uint32_t>(calls.size()) + 1);
      if (which == calls.size()) {
        if (ring_is_there) rig.destroy_ring();
        ring_is_there = false;
      } else {
        calls.erase(calls.begin() + which);
      }
      if (ring_is_there) rig.go_on();
    }
  });
}

// --- raw operations ------------------------------------------------------------------------------

struct Block {
  char* data;
  int freed = 0;
};

// Reads into a block of its own. Its cancellation frees it; its owner, if it is there at the end.
void raw_read(Rig& rig, Block& block, bool& cancellation_ran) {
  block.data = static_cast<char*>(rig.memory().allocate(kMost));
  const auto free_block = [&rig, &block] {
    ++block.freed;
    rig.memory().deallocate(block.data, kMost);
  };
  RawOperation read(rig.ring());
  read.set_cancellation([free_block, &cancellation_ran] {
    cancellation_ran = true;
    free_block();
  });
  read.start([&](io_uring_sqe& entry) {
    io_uring_prep_read(&entry, rig.file().fd(), block.data, kMost, rig.offset(0).value());
  });
  rig.go_on();
  if (rig.choices().below(4) == 0) read.cancel();
  if (rig.choices().below(2) == 0) {
    EXPECT_TRUE(rig.turn_until([&] { return !read.in_flight(); }));
  }
  if (!read.in_flight()) free_block();
}

TEST(OwnedSim, RawOperationsFreeTheirMemoryOnceAndNeverEarly) {
  on_every_seed(false, [](Rig& rig) {
    rig.source(pattern(200));
    std::vector<Block> blocks(5);
    bool ran[5] = {};
    for (size_t i = 0; i < blocks.size(); ++i) raw_read(rig, blocks[i], ran[i]);
    if (rig.choices().below(2) == 0) {
      rig.destroy_ring();
    } else {
      EXPECT_TRUE(rig.drain());
    }
    for (const Block& block : blocks) EXPECT_LE(block.freed, 1);
    if (!rig.leaks().empty()) return;
    for (const Block& block : blocks) EXPECT_EQ(block.freed, 1);
  });
}

}  // namespace
}  // namespace uring
