// tests/simulate/reader_subject.h
//
// One Reader in a simulated world, over a source of some kind whose text is known.

#ifndef TESTS_SIMULATE_READER_SUBJECT_H_
#define TESTS_SIMULATE_READER_SUBJECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bufio/lines.h"
#include "bufio/reader.h"
#include "tests/simulate/world.h"
#include "uring/buffer_pool.h"

namespace bufio::simulate {

enum class SourceKind {
  kPipe,
  kSocket,
  kFile,
  kOffload,
  kCustom,   // a Source that waits: for a Reader over a pipe, and for its next turn
  kInstant,  // a Source that never does
  kMirroredPipe,
  kMirroredFile,
  kView,
  kString,
  kCord,
  kLentPipe,  // borrowed: the Reader must not close it
};
inline constexpr uint32_t kSourceKinds = 12;

const char* source_name(SourceKind kind);

struct ReaderSubject {
  SourceKind kind = SourceKind::kPipe;
  // What the Reader must see, from the offset 0.
  std::shared_ptr<const std::string> text;
  ReaderOptions options;
  // Where its bytes come from over time; null: they are all there.
  Feeder* feeder = nullptr;
  // The error that its source may end with, by the test's will.
  int error = 0;
  // The Ring that it is on.
  std::optional<size_t> ring;
  uint64_t ring_generation = 0;

  // It is half of a Stream: where the other half learns that the socket has a number more.
  std::shared_ptr<bool> duplicated;

  // Another Reader is in between (docs/adaptors.md).
  bool adapted = false;
  // That one's, which a Reader over a view points to.
  std::shared_ptr<const std::string> inner_text;
  // What the adaptor ends in front of, if it is `until`.
  std::string delimiter;

  // The buffers that it reads into, if they are not its own.
  std::optional<uring::BufferPool> pool;

  std::optional<Reader> reader;
  std::unique_ptr<Lines> lines;
  LineOptions line_options;

  // A source that breaks off within the delimiter has not shown one: what there is of it is text.
  void look_at_break() {
    if (delimiter.empty() || !reader || reader->status().ok()) return;
    const uint64_t end = reader->pos() + reader->available();
    if (end <= text->size() || end >= text->size() + delimiter.size()) return;
    text = std::make_shared<const std::string>(inner_text->substr(0, static_cast<size_t>(end)));
  }

  bool is_file() const {
    return kind == SourceKind::kFile || kind == SourceKind::kOffload ||
           kind == SourceKind::kMirroredFile;
  }
  bool can_seek() const {
    if (adapted) return false;
    return is_file() || kind == SourceKind::kView || kind == SourceKind::kString ||
           kind == SourceKind::kCord;
  }
  bool ring_gone(const World& world) const {
    return ring.has_value() && ring_generation != world.ring_generation(*ring);
  }
};

// A Reader over something, as choices have it.
std::unique_ptr<ReaderSubject> make_subject(World& world, Choices& choices);

// All but the Reader, which is to be half of a Stream on this Ring.
std::unique_ptr<ReaderSubject> plan_reader_half(World& world, size_t ring, Choices& choices);

// The same stream or file goes on under another Reader: `fd` is what the first gave away, with the
// cursor of its file at `pos`, or its stream's first `pos` bytes taken.
std::unique_ptr<ReaderSubject> continue_subject(World& world, const ReaderSubject& first, int fd,
                                                uint64_t pos, Choices& choices);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_READER_SUBJECT_H_
