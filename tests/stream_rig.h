// tests/stream_rig.h
//
// A Reader over a source of each kind, and a writer that feeds it by script.
//
// Nothing here waits for time: bytes come when the test says so, and the clock stands still until
// it is moved.

#ifndef TESTS_STREAM_RIG_H_
#define TESTS_STREAM_RIG_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bufio/chain.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"
#include "gtest/gtest.h"
#include "uring/buffer_pool.h"
#include "uring/linux_kernel.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/task.h"

namespace bufio::testing {

// The real kernel with a clock that the test moves.
class ClockKernel : public uring::LinuxKernel {
 public:
  uring::TimePoint now() const override { return now_; }
  void advance(std::chrono::nanoseconds by) { now_ += by; }

 private:
  uring::TimePoint now_ = uring::TimePoint(std::chrono::hours(1));
};

// Told nothing of a task's end.
class Unobserved final : public uring::TaskObserver {
  std::coroutine_handle<> task_ended() noexcept override { return std::noop_coroutine(); }
};

enum class SourceKind {
  kPipe,
  kSocket,
  kFile,
  kOffload,
  kCustom,
  kMirroredPipe,
  kMirroredFile,
  kPooledPipe,
  kPooledSocket,
  kPooledFile,
  // Adaptors over one of the above; more bytes may be behind theirs.
  kTakesPipe,  // three of them
  kTakesFile,
  kTakePooledPipe,
  kUntilSocket,
  kTeePipe,
  kChainPipe  // behind a string
};

inline constexpr SourceKind kAllSources[] = {SourceKind::kPipe,         SourceKind::kSocket,
                                             SourceKind::kFile,         SourceKind::kOffload,
                                             SourceKind::kCustom,       SourceKind::kMirroredPipe,
                                             SourceKind::kMirroredFile, SourceKind::kPooledPipe,
                                             SourceKind::kPooledSocket, SourceKind::kPooledFile};

inline constexpr SourceKind kAdaptors[] = {SourceKind::kTakesPipe,      SourceKind::kTakesFile,
                                           SourceKind::kTakePooledPipe, SourceKind::kUntilSocket,
                                           SourceKind::kTeePipe,        SourceKind::kChainPipe};

inline bool is_adaptor(SourceKind kind) { return kind >= SourceKind::kTakesPipe; }

// What an adaptor stands on.
inline SourceKind base_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::kTakesPipe:
    case SourceKind::kTeePipe:
    case SourceKind::kChainPipe:
      return SourceKind::kPipe;
    case SourceKind::kTakesFile:
      return SourceKind::kFile;
    case SourceKind::kTakePooledPipe:
      return SourceKind::kPooledPipe;
    case SourceKind::kUntilSocket:
      return SourceKind::kSocket;
    default:
      return kind;
  }
}

inline std::string source_name(SourceKind kind) {
  constexpr const char* kNames[] = {"Pipe",           "Socket",       "File",         "Offload",
                                    "Custom",         "MirroredPipe", "MirroredFile", "PooledPipe",
                                    "PooledSocket",   "PooledFile",   "TakesPipe",    "TakesFile",
                                    "TakePooledPipe", "UntilSocket",  "TeePipe",      "ChainPipe"};
  return kNames[static_cast<int>(kind)];
}

inline bool is_file(SourceKind kind) {
  kind = base_of(kind);
  return kind == SourceKind::kFile || kind == SourceKind::kOffload ||
         kind == SourceKind::kMirroredFile || kind == SourceKind::kPooledFile;
}

inline bool is_pooled(SourceKind kind) {
  kind = base_of(kind);
  return kind == SourceKind::kPooledPipe || kind == SourceKind::kPooledSocket ||
         kind == SourceKind::kPooledFile;
}

// A Source that waits in two ways: for a Reader of its own, and for its next turn.
class SlowSource final : public Source {
 public:
  SlowSource(uring::Ring& ring, Reader inner) : ring_(ring), inner_(std::move(inner)) {}

  uring::Task<absl::StatusOr<size_t>> read(std::span<char> into) override {
    absl::StatusOr<std::string_view> view = co_await inner_.fill_buf();
    if (!view.ok()) co_return view.status();
    std::string bytes(view->substr(0, into.size()));
    inner_.consume(bytes.size());
    co_await uring::yield(ring_);
    std::copy(bytes.begin(), bytes.end(), into.begin());
    co_return bytes.size();
  }

 private:
  uring::Ring& ring_;
  Reader inner_;
};

inline int file_with(std::string_view text) {
  // Reads of a memfd go through worker threads; those of a file on disk complete at once.
  int fd = open(::testing::TempDir().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) fd = memfd_create("text", MFD_CLOEXEC);
  if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      lseek(fd, 0, SEEK_SET) != 0) {
    std::abort();
  }
  return fd;
}

class StreamRig {
 public:
  // `pieces`: how many bytes each feed() writes; the last one is used again and again.
  StreamRig(uring::Ring& ring, SourceKind kind, std::string text, std::vector<size_t> pieces,
            ReaderOptions options = {})
      : ring_(ring), kind_(kind), text_(std::move(text)), pieces_(std::move(pieces)), sent_(text_) {
    options.pipe_size = 0;
    if (is_adaptor(kind)) prepare_adaptor();
    const SourceKind adapted = std::exchange(kind, base_of(kind));
    if (kind == SourceKind::kOffload) options.offload = true;
    if (kind == SourceKind::kMirroredPipe || kind == SourceKind::kMirroredFile)
      options.buffers = BufferKind::kMirrored;
    if (is_pooled(kind)) {
      const size_t size = options.read_size != 0 ? options.read_size : kPooledBufferSize;
      options.pool = &pool_.emplace(ring, uring::PoolOptions{.buffers = 2, .buffer_size = size});
    }
    int ends[2];
    if (is_file(kind)) {
      fd_ = file_with(sent_);
      fed_ = sent_.size();
    } else if (kind == SourceKind::kSocket || kind == SourceKind::kPooledSocket) {
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
      fd_ = ends[0];
      writer_ = ends[1];
    } else {
      if (pipe(ends) != 0) std::abort();
      fd_ = ends[0];
      writer_ = ends[1];
    }
    std::signal(SIGPIPE, SIG_IGN);
    if (writer_ >= 0) fcntl(writer_, F_SETFL, O_NONBLOCK);
    Reader reader = adopt_fd(ring, fd_, options);
    if (kind == SourceKind::kCustom) {
      reader = read_source(ring, std::make_unique<SlowSource>(ring, std::move(reader)), options);
    }
    reader_.emplace(adapt(adapted, std::move(reader), options));
  }
  StreamRig(const StreamRig&) = delete;
  StreamRig& operator=(const StreamRig&) = delete;
  ~StreamRig() {
    lines.reset();
    reader_.reset();
    if (writer_ >= 0) ::close(writer_);
  }

  uring::Ring& ring() { return ring_; }
  uring::RingCore& core() { return ring_.core(); }
  Reader& reader() { return *reader_; }
  const std::string& text() const { return text_; }
  SourceKind kind() const { return kind_; }

  // Writes the next piece; the writer leaves behind the last one.
  void feed() {
    if (writer_ < 0) return;
    if (fed_ == sent_.size()) {
      ::close(std::exchange(writer_, -1));
      return;
    }
    size_t piece = pieces_[std::min(next_piece_++, pieces_.size() - 1)];
    piece = std::min({std::max<size_t>(piece, 1), sent_.size() - fed_, size_t{32} << 10});
    ssize_t written = write(writer_, sent_.data() + fed_, piece);
    // A socket that is full takes it another time; nobody may be there to read any more.
    if (written < 0 && errno != EAGAIN && errno != EPIPE) std::abort();
    fed_ += static_cast<size_t>(std::max<ssize_t>(written, 0));
  }

  // One turn with nobody waiting, if anything is on its way; a byte comes, so that it ends.
  void idle() {
    feed();
    const uring::RingStats stats = ring_.stats();
    if (stats.in_flight + stats.waiting_for_entry > 0) core().turn();
  }

  // The Reader moves to another place in memory.
  void move_reader() {
    Reader elsewhere = std::move(*reader_);
    reader_.emplace(std::move(elsewhere));
  }

  // The Reader dies; nobody waits for anything.
  void abandon_reader() {
    lines.reset();
    reader_.reset();
  }

  // Lets go of everything and turns the loop until the kernel has done so too. True if nothing is
  // left behind: no request, no descriptor.
  [[nodiscard]] bool dismantle() {
    lines.reset();
    reader_.reset();
    if (kind_ == SourceKind::kTeePipe) {
      // More than is consumed only if bytes were put back.
      EXPECT_EQ(teed_, text_.substr(0, teed_.size()));
      EXPECT_GE(teed_.size(), consumed.size());
    }
    uring::RingStats stats = ring_.stats();
    while (stats.in_flight > 0 || stats.waiting_for_entry > 0 || core().anything_ready()) {
      core().turn();
      stats = ring_.stats();
    }
    if (pool_.has_value()) {
      EXPECT_EQ(pool_->stats().lent, 0u);
      EXPECT_EQ(pool_->stats().waiting, 0u);
    }
    pool_.reset();
    EXPECT_EQ(stats.submitted, stats.terminal);
    EXPECT_EQ(stats.orphans, 0u);
    EXPECT_EQ(stats.faults, 0u);
    EXPECT_EQ(stats.stale_completions, 0u);
    EXPECT_EQ(ring_.buffer_stats().live_bytes, 0u);
    bool closed = fcntl(fd_, F_GETFD) == -1 && errno == EBADF;
    EXPECT_TRUE(closed) << "the descriptor is still open";
    return closed && stats.submitted == stats.terminal;
  }

  // The pool of the pooled kinds.
  uring::BufferPool& pool() { return *pool_; }

  // What was consumed, in order; tokens as they were handed out.
  std::string consumed;
  std::vector<std::string> tokens;
  std::unique_ptr<Lines> lines;

 private:
  static constexpr char kDelimiter[] = "<END>";

  // What comes by the descriptor is more than the text, or only its end.
  void prepare_adaptor() {
    switch (kind_) {
      case SourceKind::kUntilSocket:
        sent_ += kDelimiter;
        sent_ += "behind";
        break;
      case SourceKind::kChainPipe:
        sent_.erase(0, text_.size() / 6);
        break;
      case SourceKind::kTeePipe:
        break;
      default:
        sent_ += "behind";
    }
  }

  Reader adapt(SourceKind adaptor, Reader reader, const ReaderOptions& options) {
    switch (adaptor) {
      case SourceKind::kTakesPipe:
      case SourceKind::kTakesFile:
        return take_exactly(take(take(std::move(reader), UINT64_MAX), text_.size() + 2),
                            text_.size());
      case SourceKind::kTakePooledPipe:
        return take(std::move(reader), text_.size());
      case SourceKind::kUntilSocket:
        return until(std::move(reader), kDelimiter, {.required = true});
      case SourceKind::kTeePipe:
        return tee(std::move(reader), [this](std::string_view bytes) { teed_ += bytes; });
      case SourceKind::kChainPipe: {
        std::string head = text_.substr(0, text_.size() - sent_.size());
        ReaderOptions of_head;
        of_head.max_buffer_size = options.max_buffer_size;
        return chain(read_string(std::move(head), of_head), std::move(reader));
      }
      default:
        return reader;
    }
  }

  static constexpr size_t kPooledBufferSize = 512;

  uring::Ring& ring_;
  std::optional<uring::BufferPool> pool_;
  SourceKind kind_;
  std::string text_;
  std::vector<size_t> pieces_;
  std::string sent_;  // what comes by the descriptor
  std::string teed_;
  size_t next_piece_ = 0;
  size_t fed_ = 0;
  int fd_ = -1;
  int writer_ = -1;
  std::optional<Reader> reader_;
};

}  // namespace bufio::testing

#endif  // TESTS_STREAM_RIG_H_
