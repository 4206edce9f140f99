// benchmarks/streams.h
//
// Pipes or socket pairs that are fed by script, one message at a time, from the thread that reads
// them.
//
// A feeder on a core of its own would be measured along with the readers, and would decide for them
// which reads are in flight when. Here bytes come exactly when the benchmark says so.
//
// What is read is compared with what was written, byte by byte: a byte that is lost, comes twice or
// belongs to another stream ends the program.

#ifndef BENCHMARKS_STREAMS_H_
#define BENCHMARKS_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

enum class StreamKind {
  kPipe,
  kSocket,  // a pair of stream sockets
};

class Streams {
 public:
  static constexpr size_t kMessage = 512;

  Streams(StreamKind kind, size_t count);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams();

  StreamKind kind() const { return kind_; }
  size_t size() const { return streams_.size(); }
  // The end to read from; it stays ours.
  int fd(size_t stream) const { return streams_[stream].reading_end; }

  // Sends one message into each stream.
  void feed();

  // The next bytes of a stream, as its reader found them.
  void take(size_t stream, std::string_view bytes);

  // Bytes that were sent and not taken.
  uint64_t unread() const { return sent_ - taken_; }

 private:
  struct Stream {
    int reading_end;
    int writing_end;
    size_t next_sent;   // in text_
    size_t next_taken;  // in text_
  };

  StreamKind kind_;
  std::string text_;  // What the streams bring, over and over, each from another place on.
  std::vector<Stream> streams_;
  uint64_t sent_ = 0;
  uint64_t taken_ = 0;
};

}  // namespace bench

#endif  // BENCHMARKS_STREAMS_H_
