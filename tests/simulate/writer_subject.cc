#include "tests/simulate/writer_subject.h"

#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bufio/memory_writer.h"
#include "bufio/sink.h"
#include "bufio/writer_descriptor.h"
#include "uring/sleep.h"
#include "uring/status.h"
#include "uring/task.h"

namespace bufio::simulate {
namespace {

using uring::testing::SeededChoices;

class StringOutlet final : public Outlet {
 public:
  const std::string& bytes() override { return text; }
  std::string text;
};

class CordOutlet final : public Outlet {
 public:
  const std::string& bytes() override {
    text_ = std::string(cord);
    return text_;
  }
  absl::Cord cord;

 private:
  std::string text_;
};

// Takes as much as it likes, in the next turn of its Ring if it has one, and fails when it is to.
class PickySink final : public Sink {
 public:
  PickySink(World& world, std::optional<size_t> ring, std::string& into, int error, uint64_t seed)
      : world_(world),
        ring_(ring),
        generation_(ring.has_value() ? world.ring_generation(*ring) : 0),
        into_(into),
        error_(error),
        choices_(seed) {}

  uring::Task<absl::StatusOr<size_t>> write(std::span<const char> bytes) override {
    if (bytes.empty()) world_.fail("a Sink was lent nothing");
    if (failed_) world_.fail("a Sink was asked again after its error");
    if (std::exchange(writing_, true)) world_.fail("a Sink was asked twice at a time");
    if (ring_.has_value() && generation_ == world_.ring_generation(*ring_)) {
      co_await uring::yield(*world_.ring(*ring_));
    }
    writing_ = false;
    if (error_ != 0 && choices_.one_in(4)) {
      failed_ = true;
      co_return uring::errno_status(error_, "write", "picky");
    }
    const size_t count = 1 + choices_.below(static_cast<uint32_t>(bytes.size()));
    into_.append(bytes.data(), count);
    co_return count;
  }

 private:
  World& world_;
  std::optional<size_t> ring_;
  uint64_t generation_;
  std::string& into_;
  int error_;
  SeededChoices choices_;
  bool writing_ = false;
  bool failed_ = false;
};

WriterOptions make_options(Choices& choices) {
  WriterOptions options;
  options.high_water = choices.one_in(4) ? 20000 : 1 + choices.below(300);
  if (choices.one_in(2)) options.low_water = choices.below(300);
  options.buffer_size = 1 + choices.below(9000);
  options.copy_below = choices.one_in(3) ? 0 : choices.below(100);
  options.zero_copy_above = choices.one_in(3) ? 0 : 1 + choices.below(60);
  options.auto_flush = !choices.one_in(4);
  return options;
}

SinkKind pick_kind(Choices& choices) {
  if (!choices.one_in(4)) return static_cast<SinkKind>(choices.below(4));
  return static_cast<SinkKind>(choices.below(kSinkKinds));
}

std::unique_ptr<WriterSubject> plan_writer(Choices& choices) {
  auto subject = std::make_unique<WriterSubject>();
  subject->options = make_options(choices);
  subject->record = std::make_shared<SinkRecord>();
  subject->dropped = std::make_shared<std::optional<DroppedBytes>>();
  subject->options.on_drop = [dropped = subject->dropped](const DroppedBytes& bytes) {
    *dropped = bytes;
  };
  return subject;
}

bool needs_ring(SinkKind kind) {
  return kind != SinkKind::kInstant && kind != SinkKind::kString && kind != SinkKind::kCord;
}

Writer make_file_writer(World& world, WriterSubject& subject, Choices& choices) {
  const bool from_start = subject.kind == SinkKind::kFile;
  const std::string text(from_start ? 0 : choices.below(50), '#');
  int fd = -1;
  subject.record->outlet = &world.make_output(text, subject.kind == SinkKind::kAppendedFile, fd);
  subject.record->before = text.size();
  if (subject.kind == SinkKind::kFileAtOffset) subject.options.offset = text.size();
  return adopt_fd_for_writing(*world.ring(*subject.ring), fd, subject.options);
}

Writer make_stream_writer(World& world, WriterSubject& subject, Choices& choices) {
  const bool socket = subject.kind == SinkKind::kSocket;
  const size_t room = choices.one_in(3) ? SIZE_MAX : choices.below(100);
  int fd = -1;
  subject.record->outlet =
      &world.make_sink(socket ? StreamKind::kSocket : StreamKind::kPipe, room, fd);
  uring::Ring& ring = *world.ring(*subject.ring);
  if (subject.kind == SinkKind::kLentPipe) {
    return borrow_fd_for_writing(ring, world.lend(fd), subject.options);
  }
  return adopt_fd_for_writing(ring, fd, subject.options);
}

Writer make_writer(World& world, WriterSubject& subject, Choices& choices) {
  SinkRecord& record = *subject.record;
  switch (subject.kind) {
    case SinkKind::kFile:
    case SinkKind::kFileAtOffset:
    case SinkKind::kAppendedFile:
      return make_file_writer(world, subject, choices);
    case SinkKind::kPipe:
    case SinkKind::kSocket:
    case SinkKind::kLentPipe:
      return make_stream_writer(world, subject, choices);
    case SinkKind::kCord: {
      auto outlet = std::make_unique<CordOutlet>();
      absl::Cord& cord = outlet->cord;
      record.own = std::move(outlet);
      record.outlet = record.own.get();
      return write_to_cord(cord, subject.options);
    }
    case SinkKind::kCustom:
    case SinkKind::kInstant:
    case SinkKind::kString:
      break;
  }
  auto outlet = std::make_unique<StringOutlet>();
  std::string& text = outlet->text;
  record.own = std::move(outlet);
  record.outlet = record.own.get();
  if (subject.kind == SinkKind::kString) return write_to_string(text, subject.options);
  if (choices.one_in(4)) subject.error = EIO;
  auto sink = std::make_unique<PickySink>(world, subject.ring, text, subject.error,
                                          choices.below(1U << 31));
  return subject.ring.has_value()
             ? write_to_sink(*world.ring(*subject.ring), std::move(sink), subject.options)
             : write_to_sink(std::move(sink), subject.options);
}

}  // namespace

std::string letters(uint64_t from, size_t n) {
  std::string text(n, '\0');
  for (size_t i = 0; i < n; ++i) text[i] = letter(from + i);
  return text;
}

const char* sink_name(SinkKind kind) {
  constexpr const char* kNames[] = {"pipe",          "socket",   "file",    "file at an offset",
                                    "appended file", "custom",   "instant", "string",
                                    "cord",          "lent pipe"};
  return kNames[static_cast<int>(kind)];
}

std::string SinkRecord::look() {
  const std::string& bytes = outlet->bytes();
  const size_t size = bytes.size() - before;
  for (; compared < size; ++compared) {
    if (bytes[before + compared] != letter(compared)) {
      return absl::StrCat("byte ", compared, " came out as another one");
    }
  }
  if (size > accepted) return absl::StrCat(size, " bytes came out of ", accepted, " accepted");
  if (outlet->prompt() && size < written) {
    return absl::StrCat(written, " bytes are said to be written, and ", size, " came out");
  }
  return "";
}

std::string SinkRecord::last_look() {
  outlet->open_up();
  compared = 0;
  std::string wrong = look();
  if (wrong.empty() && !hung_up && seen() < written) wrong = "bytes that were written got lost";
  return wrong;
}

std::unique_ptr<WriterSubject> make_writer_subject(World& world, Choices& choices) {
  const size_t ring = choices.below(static_cast<uint32_t>(world.rings()));
  return make_writer_subject(world, ring, choices);
}

std::unique_ptr<WriterSubject> make_writer_subject(World& world, size_t ring, Choices& choices) {
  auto subject = plan_writer(choices);
  subject->kind = pick_kind(choices);
  if (world.ring(ring) == nullptr && needs_ring(subject->kind)) subject->kind = SinkKind::kString;
  if (needs_ring(subject->kind)) {
    subject->ring = ring;
    subject->ring_generation = world.ring_generation(ring);
  }
  subject->writer.emplace(make_writer(world, *subject, choices));
  world.at_the_end([record = subject->record] { return record->last_look(); });
  return subject;
}

std::unique_ptr<WriterSubject> plan_writer_half(World& world, size_t ring, Choices& choices) {
  auto subject = plan_writer(choices);
  subject->kind = SinkKind::kSocket;
  subject->ring = ring;
  subject->ring_generation = world.ring_generation(ring);
  world.at_the_end([record = subject->record] { return record->last_look(); });
  return subject;
}

}  // namespace bufio::simulate
