#include "benchmarks/streams.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include "benchmarks/die.h"
#include "benchmarks/random.h"

namespace bench {
namespace {

// A few of them stay in the first-level cache.
constexpr size_t kText = 16 * Streams::kMessage;

std::string random_text() {
  Random random(512);
  std::string text(kText, '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

std::array<int, 2> make_ends(StreamKind kind) {
  std::array<int, 2> ends{};
  const int result = kind == StreamKind::kPipe
                         ? ::pipe2(ends.data(), O_CLOEXEC)
                         : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  if (result != 0) die("making a stream", errno);
  return ends;
}

}  // namespace

Streams::Streams(StreamKind kind, size_t count) : kind_(kind), text_(random_text()) {
  for (size_t i = 0; i < count; ++i) {
    const std::array<int, 2> ends = make_ends(kind);
    const size_t start = i * kMessage % kText;
    streams_.push_back({ends[0], ends[1], start, start});
  }
}

Streams::~Streams() {
  for (const Stream& stream : streams_) {
    ::close(stream.reading_end);
    ::close(stream.writing_end);
  }
}

void Streams::feed() {
  for (Stream& stream : streams_) {
    const ssize_t sent = ::write(stream.writing_end, text_.data() + stream.next_sent, kMessage);
    if (sent != ssize_t{kMessage}) die("feeding a stream", sent < 0 ? errno : 0);
    stream.next_sent = (stream.next_sent + kMessage) % kText;
    sent_ += kMessage;
  }
}

void Streams::take(size_t stream, std::string_view bytes) {
  size_t& next = streams_[stream].next_taken;
  taken_ += bytes.size();
  if (taken_ > sent_) die("bytes came twice", 0);
  while (!bytes.empty()) {
    const std::string_view expected = std::string_view(text_).substr(next, bytes.size());
    if (!bytes.starts_with(expected)) die("bytes were lost, or came twice", 0);
    bytes.remove_prefix(expected.size());
    next = (next + expected.size()) % kText;
  }
}

}  // namespace bench
