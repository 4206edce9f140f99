#include "tests/simulate/reader_subject.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <string_view>

#include "absl/strings/escaping.h"
#include "bufio/chain.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/source.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio::simulate {
namespace {

using uring::testing::SeededChoices;

// Sees to it that a Source is asked only as it was promised.
class StrictSource : public Source {
 public:
  explicit StrictSource(World& world) : world_(world) {}

 protected:
  World& world() const { return world_; }
  void asked(std::span<char> into) {
    if (into.empty()) world_.fail("a Source was lent nothing");
    if (over_) world_.fail("a Source was asked again after its end");
    if (std::exchange(reading_, true)) world_.fail("a Source was asked twice at a time");
  }
  void answered(const absl::StatusOr<size_t>& count) {
    reading_ = false;
    over_ = !count.ok() || *count == 0;
  }

 private:
  World& world_;
  bool reading_ = false;
  bool over_ = false;
};

class SlowSource final : public StrictSource {
 public:
  SlowSource(World& world, size_t ring, Reader inner)
      : StrictSource(world),
        ring_(ring),
        generation_(world.ring_generation(ring)),
        inner_(std::move(inner)) {}

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    asked(into);
    absl::StatusOr<std::string_view> view = co_await inner_.fill_buf();
    if (!view.ok()) {
      answered(view.status());
      co_return view.status();
    }
    std::string bytes(view->substr(0, into.size()));
    inner_.consume(bytes.size());
    if (generation_ == world().ring_generation(ring_)) {
      co_await uring::yield(*world().ring(ring_));
    }
    std::copy(bytes.begin(), bytes.end(), into.begin());
    answered(bytes.size());
    co_return bytes.size();
  }

 private:
  size_t ring_;
  uint64_t generation_;
  Reader inner_;
};

class InstantSource final : public StrictSource {
 public:
  InstantSource(World& world, std::shared_ptr<const std::string> text, int error, uint64_t seed)
      : StrictSource(world), text_(std::move(text)), error_(error), sizes_(seed) {}

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    asked(into);
    if (taken_ == text_->size() && error_ != 0) {
      absl::Status failure = uring::errno_status(error_, "read", "instant");
      answered(failure);
      co_return failure;
    }
    const size_t most = std::min(into.size(), text_->size() - taken_);
    const size_t count = most == 0 ? 0 : 1 + sizes_.below(static_cast<uint32_t>(most));
    std::copy_n(text_->data() + taken_, count, into.data());
    taken_ += count;
    answered(count);
    co_return count;
  }

 private:
  std::shared_ptr<const std::string> text_;
  int error_;
  SeededChoices sizes_;
  size_t taken_ = 0;
};

std::string make_text(Choices& choices) {
  constexpr std::string_view kLetters = "ab\n\rab\r\ncdef";
  const size_t size = choices.one_in(8) ? choices.below(5000) : choices.below(200);
  const uint32_t variety = 1 + choices.below(static_cast<uint32_t>(kLetters.size()));
  SeededChoices letters(choices.below(1U << 31));
  std::string text;
  text.reserve(size);
  while (text.size() < size) text += kLetters[letters.below(variety)];
  return text;
}

ReaderOptions make_options(Choices& choices) {
  ReaderOptions options;
  options.max_buffer_size = choices.one_in(3) ? 100000 : 1 + choices.below(80);
  options.read_size = choices.one_in(3) ? 0 : 1 + choices.below(90);
  options.max_read_ahead = static_cast<int>(choices.below(6)) - 1;
  options.pipe_size = 0;
  if (choices.one_in(2)) options.buffers = BufferKind::kHeap;
  return options;
}

void set_kind(ReaderSubject& subject, SourceKind kind) {
  subject.kind = kind;
  if (kind == SourceKind::kOffload) subject.options.offload = true;
  if (kind == SourceKind::kMirroredPipe || kind == SourceKind::kMirroredFile) {
    subject.options.buffers = BufferKind::kMirrored;
  }
}

// A pool of a few small buffers, so that it is dry now and then.
void set_pool(World& world, ReaderSubject& subject, Choices& choices) {
  constexpr uring::PoolMode kModes[] = {uring::PoolMode::kAuto, uring::PoolMode::kProvided,
                                        uring::PoolMode::kHeap};
  uring::PoolOptions options;
  options.buffers = 1 + choices.below(3);
  options.buffer_size = 1 + choices.below(100);
  options.extra_buffers = world.extra_buffers();
  options.mode = kModes[choices.below(3)];
  subject.pool.emplace(*world.ring(*subject.ring), options);
  subject.options.pool = &*subject.pool;
}

Reader read_stream(World& world, ReaderSubject& subject, Choices& choices) {
  const StreamKind kind =
      subject.kind == SourceKind::kSocket ? StreamKind::kSocket : StreamKind::kPipe;
  int fd = -1;
  subject.feeder =
      &world.make_stream(kind, *subject.text, subject.error, choices.below(1U << 31), fd);
  uring::Ring& ring = *world.ring(*subject.ring);
  if (subject.kind == SourceKind::kLentPipe) {
    return borrow_fd(ring, world.lend(fd), subject.options);
  }
  return adopt_fd(ring, fd, subject.options);
}

Reader make_reader(World& world, ReaderSubject& subject, Choices& choices) {
  switch (subject.kind) {
    case SourceKind::kFile:
    case SourceKind::kOffload:
    case SourceKind::kMirroredFile: {
      const int fd = world.make_file(*subject.text);
      return adopt_fd(*world.ring(*subject.ring), fd, subject.options);
    }
    case SourceKind::kCustom: {
      uring::Ring& ring = *world.ring(*subject.ring);
      Reader inner = read_stream(world, subject, choices);
      return read_source(ring, std::make_unique<SlowSource>(world, *subject.ring, std::move(inner)),
                         subject.options);
    }
    case SourceKind::kInstant:
      return read_source(std::make_unique<InstantSource>(world, subject.text, subject.error,
                                                         choices.below(1U << 31)),
                         subject.options);
    case SourceKind::kView:
      return read_view(*subject.text, subject.options);
    case SourceKind::kString:
      return read_string(*subject.text, subject.options);
    case SourceKind::kCord: {
      absl::Cord cord;
      for (size_t at = 0; at < subject.text->size();) {
        const size_t piece = std::min(size_t{1} + choices.below(40), subject.text->size() - at);
        cord.Append(absl::string_view(subject.text->data() + at, piece));
        at += piece;
      }
      return read_cord(std::move(cord), subject.options);
    }
    case SourceKind::kPipe:
    case SourceKind::kSocket:
    case SourceKind::kMirroredPipe:
    case SourceKind::kLentPipe:
      break;
  }
  return read_stream(world, subject, choices);
}

// A Reader over `reader` with the same bytes, the first of them, or others in front of them.
Reader adapt(World& world, ReaderSubject& subject, Reader reader, Choices& choices) {
  constexpr char kNowhere[] = "xyz";
  std::shared_ptr<const std::string> text = subject.text;
  subject.inner_text = text;
  switch (choices.below(11)) {
    case 5: {
      const size_t n = choices.below(static_cast<uint32_t>(text->size()) + 1);
      subject.text = std::make_shared<const std::string>(text->substr(0, n));
      return take(std::move(reader), n);
    }
    case 6: {
      constexpr char kFront[] = "a\nb";
      subject.text = std::make_shared<const std::string>(kFront + *text);
      return chain(read_string(kFront, subject.options), std::move(reader));
    }
    case 7:
    case 8:
    case 9:
    case 10: {
      // Bytes of the text itself, or what may begin in it.
      const size_t from = choices.below(static_cast<uint32_t>(text->size()) + 1);
      std::string delimiter = text->substr(from, 1 + choices.below(4));
      if (delimiter.empty() || choices.one_in(4)) delimiter += kNowhere;
      subject.text = std::make_shared<const std::string>(text->substr(0, text->find(delimiter)));
      world.note("   until ", absl::CHexEscape(delimiter));
      if (text->size() > subject.text->size()) subject.delimiter = delimiter;
      return until(std::move(reader), delimiter);
    }
    case 0:
      if (subject.error == 0) return take_exactly(std::move(reader), text->size());
      return take(std::move(reader), UINT64_MAX);
    case 1:
      return take(until(take(std::move(reader), UINT64_MAX), kNowhere), UINT64_MAX);
    case 2:
      return until(std::move(reader), kNowhere);
    case 3:
      return chain(read_string("", subject.options), std::move(reader), read_string(""));
    default:
      return tee(std::move(reader),
                 [&world, text, given = size_t{0}](std::string_view bytes) mutable {
                   if (bytes != std::string_view(*text).substr(given, bytes.size())) {
                     world.fail("a tee gave other bytes");
                   }
                   given += bytes.size();
                 });
  }
}

bool needs_ring(SourceKind kind) {
  return kind != SourceKind::kInstant && kind != SourceKind::kView && kind != SourceKind::kString &&
         kind != SourceKind::kCord;
}

// Mapping memory twice is slow, and what needs no Ring is simple: these come more rarely.
SourceKind pick_kind(Choices& choices) {
  if (!choices.one_in(4)) return static_cast<SourceKind>(choices.below(5));
  return static_cast<SourceKind>(choices.below(kSourceKinds));
}

}  // namespace

const char* source_name(SourceKind kind) {
  constexpr const char* kNames[] = {"pipe",   "socket",  "file",          "offload",
                                    "custom", "instant", "mirrored pipe", "mirrored file",
                                    "view",   "string",  "cord",          "lent pipe"};
  return kNames[static_cast<int>(kind)];
}

std::unique_ptr<ReaderSubject> make_subject(World& world, Choices& choices) {
  auto subject = std::make_unique<ReaderSubject>();
  subject->text = std::make_shared<const std::string>(make_text(choices));
  subject->options = make_options(choices);
  SourceKind kind = pick_kind(choices);
  const size_t ring = choices.below(static_cast<uint32_t>(world.rings()));
  if (world.ring(ring) == nullptr && needs_ring(kind)) kind = SourceKind::kCord;
  set_kind(*subject, kind);
  if (needs_ring(kind)) {
    subject->ring = ring;
    subject->ring_generation = world.ring_generation(ring);
    if (choices.one_in(4)) set_pool(world, *subject, choices);
  }
  constexpr int kErrors[] = {ECONNRESET, EIO};
  if (choices.one_in(6)) subject->error = kErrors[choices.below(2)];
  Reader reader = make_reader(world, *subject, choices);
  subject->adapted = choices.one_in(4);
  if (subject->adapted) reader = adapt(world, *subject, std::move(reader), choices);
  subject->reader.emplace(std::move(reader));
  return subject;
}

std::unique_ptr<ReaderSubject> plan_reader_half(World& world, size_t ring, Choices& choices) {
  auto subject = std::make_unique<ReaderSubject>();
  subject->text = std::make_shared<const std::string>(make_text(choices));
  subject->options = make_options(choices);
  subject->kind = SourceKind::kSocket;
  subject->ring = ring;
  subject->ring_generation = world.ring_generation(ring);
  if (choices.one_in(4)) {
    set_pool(world, *subject, choices);
  } else if (choices.one_in(2)) {
    subject->options.shared_pool = false;
  }
  if (choices.one_in(6)) subject->error = ECONNRESET;
  return subject;
}

std::unique_ptr<ReaderSubject> continue_subject(World& world, const ReaderSubject& first, int fd,
                                                uint64_t pos, Choices& choices) {
  auto subject = std::make_unique<ReaderSubject>();
  subject->options = make_options(choices);
  set_kind(*subject, first.kind);
  subject->text = first.is_file()
                      ? first.text
                      : std::make_shared<const std::string>(first.text->substr(
                            std::min<size_t>(static_cast<size_t>(pos), first.text->size())));
  subject->feeder = first.feeder;
  subject->error = first.error;
  subject->ring = first.ring;
  subject->ring_generation = first.ring_generation;
  world.passed_on(fd);
  subject->reader.emplace(adopt_fd(*world.ring(*subject->ring), fd, subject->options));
  return subject;
}

}  // namespace bufio::simulate
