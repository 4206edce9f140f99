// tests/simulate/writer_subject.h
//
// One Writer in a simulated world, to a sink of some kind, and what comes out there.
//
// Every stream of bytes is the same one: byte i is letter(i). So whatever has come out of a sink is
// right if it is the beginning of it, and no longer than what was accepted.

#ifndef TESTS_SIMULATE_WRITER_SUBJECT_H_
#define TESTS_SIMULATE_WRITER_SUBJECT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "bufio/writer.h"
#include "tests/simulate/world.h"

namespace bufio::simulate {

inline char letter(uint64_t i) { return static_cast<char>('a' + (i * 2654435761U >> 16) % 26); }
// `n` of them, from byte `from` on.
std::string letters(uint64_t from, size_t n);

enum class SinkKind {
  kPipe,
  kSocket,
  kFile,          // at the descriptor's own position
  kFileAtOffset,  // at offsets, behind what is there
  kAppendedFile,  // opened to append
  kCustom,        // a Sink that waits for its next turn
  kInstant,       // a Sink that never does
  kString,
  kCord,
  kLentPipe,  // borrowed: the Writer must not close it
};
inline constexpr uint32_t kSinkKinds = 10;

const char* sink_name(SinkKind kind);

// What came out of a sink, and how much of it there must be.
struct SinkRecord {
  Outlet* outlet = nullptr;
  std::unique_ptr<Outlet> own;  // of a sink that is no descriptor
  size_t before = 0;            // bytes that were there already
  uint64_t accepted = 0;
  uint64_t written = 0;  // by what the Writer says
  bool hung_up = false;
  size_t compared = 0;

  uint64_t seen() { return outlet->bytes().size() - before; }
  // What is wrong with what has come out so far, or nothing.
  std::string look();
  // The same when all has come out that ever will.
  std::string last_look();
};

struct WriterSubject {
  SinkKind kind = SinkKind::kPipe;
  WriterOptions options;
  // The error that writing may end with, by the test's will; EPIPE comes after it.
  int error = 0;
  std::optional<size_t> ring;  // that it is on
  uint64_t ring_generation = 0;
  std::shared_ptr<SinkRecord> record;
  // It is half of a Stream, and a duplicate of its descriptor lives on.
  std::shared_ptr<bool> duplicated;
  // Where the Writer says that it drops bytes.
  std::shared_ptr<std::optional<DroppedBytes>> dropped;
  std::optional<Writer> writer;

  uint64_t start() const { return options.offset.value_or(0); }
  bool is_file() const {
    return kind == SinkKind::kFile || kind == SinkKind::kFileAtOffset ||
           kind == SinkKind::kAppendedFile;
  }
  bool is_memory() const { return kind == SinkKind::kString || kind == SinkKind::kCord; }
  bool has_descriptor() const {
    return is_file() || kind == SinkKind::kPipe || kind == SinkKind::kSocket ||
           kind == SinkKind::kLentPipe;
  }
  bool ring_gone(const World& world) const {
    return ring.has_value() && ring_generation != world.ring_generation(*ring);
  }
};

// A Writer to something, as choices have it. What it leaves behind is looked at in the world's end.
std::unique_ptr<WriterSubject> make_writer_subject(World& world, Choices& choices);
// On this Ring, if it needs one.
std::unique_ptr<WriterSubject> make_writer_subject(World& world, size_t ring, Choices& choices);
// All but the Writer and its outlet: it is to be half of a Stream on this Ring.
std::unique_ptr<WriterSubject> plan_writer_half(World& world, size_t ring, Choices& choices);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_WRITER_SUBJECT_H_
