#include "tests/reader_testing.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <ostream>

#include "absl/strings/cord.h"
#include "bufio/chain.h"
#include "bufio/descriptor.h"
#include "bufio/memory.h"
#include "bufio/open.h"
#include "bufio/take.h"
#include "bufio/tee.h"
#include "bufio/until.h"

namespace bufio::testing {

std::ostream& operator<<(std::ostream& out, const SourceCase& source) { return out << source.name; }

std::vector<SourceCase> every_source() {
  return {
      {.name = "File", .kind = Kind::kFile},
      {.name = "FileHeap", .kind = Kind::kFile, .options = {.buffers = BufferKind::kHeap}},
      {.name = "FileMirrored", .kind = Kind::kFile, .options = {.buffers = BufferKind::kMirrored}},
      {.name = "FileMirroredTinyReads",
       .kind = Kind::kFile,
       .options = {.read_size = 13, .buffers = BufferKind::kMirrored}},
      {.name = "FileTinyReads", .kind = Kind::kFile, .options = {.read_size = 7}},
      {.name = "FileByteReads", .kind = Kind::kFile, .options = {.read_size = 1}},
      {.name = "FileOffload",
       .kind = Kind::kFile,
       .options = {.read_size = 11, .max_read_ahead = 4, .offload = true}},
      {.name = "FileDirect", .kind = Kind::kFile, .options = {.read_size = 4096, .direct = true}},
      {.name = "FileTinyBuffer",
       .kind = Kind::kFile,
       .options = {.max_buffer_size = 300, .read_size = 4096}},
      {.name = "AdoptedFile", .kind = Kind::kAdoptedFile},
      {.name = "AdoptedFileOffload",
       .kind = Kind::kAdoptedFile,
       .options = {.max_buffer_size = 300, .read_size = 64, .offload = true}},
      {.name = "Pipe", .kind = Kind::kPipe},
      {.name = "PipeTinyReads", .kind = Kind::kPipe, .options = {.read_size = 3}},
      {.name = "PipeMirrored",
       .kind = Kind::kPipe,
       .options = {.read_size = 100, .buffers = BufferKind::kMirrored}},
      {.name = "PipeTinyBuffer", .kind = Kind::kPipe, .options = {.max_buffer_size = 300}},
      {.name = "PipeOffload", .kind = Kind::kPipe, .options = {.offload = true}},
      {.name = "NonblockingPipe", .kind = Kind::kNonblockingPipe},
      {.name = "DribblingPipe", .kind = Kind::kDribblingPipe},
      {.name = "Fifo", .kind = Kind::kFifo},
      {.name = "Socket", .kind = Kind::kSocket},
      {.name = "SocketTinyReads", .kind = Kind::kSocket, .options = {.read_size = 5}},
      {.name = "View", .kind = Kind::kView},
      {.name = "String", .kind = Kind::kString},
      {.name = "Cord", .kind = Kind::kCord},
      {.name = "CordTinyBuffer", .kind = Kind::kCord, .options = {.max_buffer_size = 300}},
      {.name = "Source", .kind = Kind::kSource},
      {.name = "SourceBytes", .kind = Kind::kSource, .piece = 1},
      {.name = "SourceRandomPieces", .kind = Kind::kSource, .piece = 40, .random_pieces = true},
      {.name = "SourceTinyBuffer", .kind = Kind::kSource, .options = {.max_buffer_size = 300}},
      {.name = "RinglessSource", .kind = Kind::kRinglessSource, .piece = 17},
      {.name = "WaitingSource", .kind = Kind::kWaitingSource, .piece = 50, .random_pieces = true},
      {.name = "WaitingSourceBytes", .kind = Kind::kWaitingSource, .piece = 1},
      {.name = "PooledFile", .kind = Kind::kFile, .pool = {.buffers = 1, .buffer_size = 4096}},
      {.name = "PooledAdoptedFileBytes",
       .kind = Kind::kAdoptedFile,
       .pool = {.buffers = 2, .buffer_size = 1}},
      {.name = "PooledPipe", .kind = Kind::kPipe, .pool = {.buffers = 1, .buffer_size = 4096}},
      {.name = "PooledPipeTinyBuffer",
       .kind = Kind::kPipe,
       .options = {.max_buffer_size = 300},
       .pool = {.buffers = 2, .buffer_size = 1000, .mode = uring::PoolMode::kHeap}},
      {.name = "PooledNonblockingPipe",
       .kind = Kind::kNonblockingPipe,
       .pool = {.buffers = 1, .buffer_size = 100}},
      {.name = "PooledDribblingPipe",
       .kind = Kind::kDribblingPipe,
       .pool = {.buffers = 2, .buffer_size = 64}},
      {.name = "PooledSocket", .kind = Kind::kSocket, .pool = {.buffers = 2, .buffer_size = 256}},
      {.name = "PooledSocketTinyReads",
       .kind = Kind::kSocket,
       .options = {.read_size = 5},
       .pool = {.buffers = 4, .buffer_size = 64, .mode = uring::PoolMode::kProvided}},
      {.name = "PooledSocketOfOne",
       .kind = Kind::kSocket,
       .pool = {.buffers = 1, .buffer_size = 700}},
      {.name = "TakeFile", .kind = Kind::kFile, .through = Through::kTake},
      {.name = "TakesFileTinyReads",
       .kind = Kind::kFile,
       .options = {.read_size = 7},
       .through = Through::kTakes},
      {.name = "TakeFileMirrored",
       .kind = Kind::kFile,
       .options = {.read_size = 13, .buffers = BufferKind::kMirrored},
       .through = Through::kTake},
      {.name = "TakeAdoptedFileOffload",
       .kind = Kind::kAdoptedFile,
       .options = {.max_buffer_size = 300, .read_size = 64, .offload = true},
       .through = Through::kTake},
      {.name = "TakesPipeTinyBuffer",
       .kind = Kind::kPipe,
       .options = {.max_buffer_size = 300},
       .through = Through::kTakes},
      {.name = "BorrowedDribblingPipe",
       .kind = Kind::kDribblingPipe,
       .through = Through::kBorrowed},
      {.name = "TakeSocketTinyReads",
       .kind = Kind::kSocket,
       .options = {.read_size = 5},
       .through = Through::kTake},
      {.name = "TakeView", .kind = Kind::kView, .through = Through::kTake},
      {.name = "BorrowedString", .kind = Kind::kString, .through = Through::kBorrowed},
      {.name = "TakesCord", .kind = Kind::kCord, .through = Through::kTakes},
      {.name = "TakeRinglessSource",
       .kind = Kind::kRinglessSource,
       .piece = 17,
       .through = Through::kTake},
      {.name = "TakesWaitingSource",
       .kind = Kind::kWaitingSource,
       .piece = 50,
       .random_pieces = true,
       .through = Through::kTakes},
      {.name = "BorrowedPooledPipe",
       .kind = Kind::kPipe,
       .pool = {.buffers = 1, .buffer_size = 4096},
       .through = Through::kBorrowed},
      {.name = "TakesPooledSocketOfOne",
       .kind = Kind::kSocket,
       .pool = {.buffers = 1, .buffer_size = 700},
       .through = Through::kTakes},
      {.name = "UntilFileTinyReads",
       .kind = Kind::kFile,
       .options = {.read_size = 3},
       .through = Through::kUntil},
      {.name = "UntilPipe", .kind = Kind::kPipe, .through = Through::kUntil},
      {.name = "UntilView", .kind = Kind::kView, .through = Through::kUntil},
      {.name = "UntilWaitingSourceBytes",
       .kind = Kind::kWaitingSource,
       .piece = 1,
       .through = Through::kUntil},
      {.name = "TeeFileTinyBuffer",
       .kind = Kind::kFile,
       .options = {.max_buffer_size = 300, .read_size = 4096},
       .through = Through::kTee},
      {.name = "TeeDribblingPipe", .kind = Kind::kDribblingPipe, .through = Through::kTee},
      {.name = "TeeCord", .kind = Kind::kCord, .through = Through::kTee},
      {.name = "ChainFile", .kind = Kind::kFile, .through = Through::kChain},
      {.name = "ChainAdoptedFileOffload",
       .kind = Kind::kAdoptedFile,
       .options = {.max_buffer_size = 300, .read_size = 64, .offload = true},
       .through = Through::kChain},
      {.name = "ChainPipeTinyBuffer",
       .kind = Kind::kPipe,
       .options = {.max_buffer_size = 300},
       .through = Through::kChain},
      {.name = "ChainCord", .kind = Kind::kCord, .through = Through::kChain},
      {.name = "ChainRinglessSource",
       .kind = Kind::kRinglessSource,
       .piece = 17,
       .through = Through::kChain},
      {.name = "ChainPooledSocket",
       .kind = Kind::kSocket,
       .pool = {.buffers = 2, .buffer_size = 256},
       .through = Through::kChain},
  };
}

// --- StrictSource

uring::Task<absl::StatusOr<size_t>> StrictSource::read(std::span<char> into) {
  if (plan_.calls != nullptr) ++*plan_.calls;
  EXPECT_FALSE(over_) << "the source was asked again after its end";
  EXPECT_FALSE(into.empty());
  if (plan_.waits_on != nullptr) co_await uring::yield(*plan_.waits_on);
  size_t size = std::min(into.size(), plan_.text.size() - given_);
  if (plan_.piece != 0) size = std::min(size, plan_.piece);
  if (size == 0) {
    over_ = true;
    if (!plan_.end.ok()) co_return plan_.end;
    co_return size_t{0};
  }
  if (plan_.seed.has_value()) size = std::uniform_int_distribution<size_t>(1, size)(random_);
  std::memcpy(into.data(), plan_.text.data() + given_, size);
  given_ += size;
  co_return size;
}

// --- RingTest

RingTest::RingTest() {
  const uring::RingOptions kSmallRing = {.entries = 32, .completion_entries = 256};
  directory_ = ::testing::TempDir() + "/reader_test_XXXXXX";
  if (mkdtemp(directory_.data()) == nullptr) std::abort();
  absl::StatusOr<uring::Ring> ring = uring::Ring::create(kSmallRing);
  // The kernel frees the rings of earlier tests in its own time, and counts them until then.
  for (int i = 0; i < 500 && absl::IsResourceExhausted(ring.status()); ++i) {
    usleep(10000);
    ring = uring::Ring::create(kSmallRing);
  }
  if (!ring.ok()) {
    ADD_FAILURE() << ring.status();
    std::abort();
  }
  ring_.emplace(*std::move(ring));
}

RingTest::~RingTest() {
  ring_.reset();
  join_writers();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void RingTest::turn(int times) {
  for (int i = 0; i < times; ++i) uring::block_on(*ring_, uring::yield(*ring_));
}

std::string RingTest::path_for(std::string_view name) const {
  return directory_ + "/" + std::string(name);
}

std::string RingTest::new_file(std::string_view bytes) {
  std::string path = path_for("file" + std::to_string(files_++));
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  EXPECT_GE(fd, 0) << path;
  write_all(fd, bytes);
  close(fd);
  return path;
}

void RingTest::write_on_thread(int fd, std::string bytes, size_t piece) {
  writers_.emplace_back([fd, piece, text = std::move(bytes)] {
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    for (size_t done = 0; done < text.size();) {
      size_t step = piece == 0 ? text.size() - done : std::min(piece, text.size() - done);
      ssize_t written = write(fd, text.data() + done, step);
      if (written < 0) break;
      done += static_cast<size_t>(written);
    }
    close(fd);
  });
}

void RingTest::join_writers() {
  for (std::thread& writer : writers_) writer.join();
  writers_.clear();
}

std::string_view RingTest::keep(std::string text) { return kept_.emplace_back(std::move(text)); }

// --- descriptors

Ends new_pipe(int flags) {
  int ends[2];
  EXPECT_EQ(pipe2(ends, O_CLOEXEC | flags), 0);
  return {ends[0], ends[1]};
}

Ends new_socket_pair() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {ends[0], ends[1]};
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = write(fd, bytes.data(), bytes.size());
    ASSERT_GT(written, 0) << std::strerror(errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// --- bytes

uring::Task<std::string> drain(Reader& reader) {
  std::string all;
  for (;;) {
    absl::StatusOr<std::string_view> view = co_await reader.fill_buf();
    if (!view.ok()) {
      ADD_FAILURE() << view.status();
      break;
    }
    if (view->empty()) break;
    all += *view;
    reader.consume(view->size());
  }
  co_return all;
}

uint32_t announced_seed() {
  const char* given = std::getenv("BUFIO_SEED");
  uint32_t seed = given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10))
                                   : std::random_device()();
  std::cout << "repeat with BUFIO_SEED=" << seed << "\n";
  return seed;
}

std::string pattern(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>('A' + (state >> 24) % 58);
  }
  return bytes;
}

// --- EverySourceTest

bool EverySourceTest::in_memory() const {
  Kind kind = GetParam().kind;
  return kind == Kind::kView || kind == Kind::kString || kind == Kind::kCord;
}

bool EverySourceTest::seekable() const {
  if (GetParam().through != Through::kNothing) return false;
  Kind kind = GetParam().kind;
  return in_memory() || kind == Kind::kFile || kind == Kind::kAdoptedFile;
}

Reader EverySourceTest::make(std::string_view bytes, Sizes sizes) {
  const std::string more = std::string(bytes) + "\nbehind the end\n";
  switch (GetParam().through) {
    case Through::kNothing:
      return make_source(bytes, sizes);
    case Through::kTake:
      return take_exactly(make_source(more, sizes), bytes.size());
    case Through::kBorrowed:
      return take(keep(make_source(more, sizes)), bytes.size());
    case Through::kTakes:
      return take_exactly(take(take(make_source(more, sizes), bytes.size() + 3), UINT64_MAX),
                          bytes.size());
    case Through::kUntil:
      return until(make_source(std::string(bytes) + "<END>" + more, sizes), "<END>");
    case Through::kTee: {
      std::string& sink = new_sink();
      return tee(make_source(bytes, sizes), [&sink](std::string_view piece) { sink += piece; });
    }
    case Through::kChain: {
      ReaderOptions options = GetParam().options;
      if (sizes.max_buffer_size != 0) options.max_buffer_size = sizes.max_buffer_size;
      size_t quarter = bytes.size() / 4;
      std::string_view middle = bytes.substr(quarter, bytes.size() - 2 * quarter);
      return chain(read_string(std::string(bytes.substr(0, quarter)), options),
                   make_source(middle, sizes),
                   read_string(std::string(bytes.substr(quarter + middle.size())), options));
    }
  }
  std::abort();
}

Reader EverySourceTest::make_source(std::string_view bytes, Sizes sizes) {
  constexpr size_t kFitsAnyPipe = 4096;
  const SourceCase& source = GetParam();
  ReaderOptions options = source.options;
  if (sizes.max_buffer_size != 0) options.max_buffer_size = sizes.max_buffer_size;
  if (sizes.read_size != 0) options.read_size = sizes.read_size;
  if (source.pool.buffers > 0) options.pool = new_pool(source.pool);
  std::string text(bytes);
  auto feed = [&](int fd) {
    if (text.size() > kFitsAnyPipe) return write_on_thread(fd, text);
    write_all(fd, text);
    close(fd);
  };
  StrictSource::Plan plan = {.text = text, .end = {}, .piece = source.piece};
  if (source.random_pieces) plan.seed = static_cast<uint32_t>(text.size());
  switch (source.kind) {
    case Kind::kFile: {
      absl::StatusOr<Reader> reader = await(open(ring(), new_file(text), options));
      if (!reader.ok()) {
        ADD_FAILURE() << reader.status();
        std::abort();
      }
      return *std::move(reader);
    }
    case Kind::kAdoptedFile: {
      int fd = ::open(new_file(std::string(100, '#') + text).c_str(), O_RDONLY | O_CLOEXEC);
      EXPECT_EQ(lseek(fd, 100, SEEK_SET), 100);
      return adopt_fd(ring(), fd, options);
    }
    case Kind::kPipe:
    case Kind::kNonblockingPipe: {
      Ends ends = new_pipe();
      if (source.kind == Kind::kNonblockingPipe) {
        EXPECT_EQ(fcntl(ends.read, F_SETFL, O_NONBLOCK), 0);
      }
      feed(ends.write);
      return adopt_fd(ring(), ends.read, options);
    }
    case Kind::kDribblingPipe: {
      Ends ends = new_pipe();
      write_on_thread(ends.write, text, 1);
      return adopt_fd(ring(), ends.read, options);
    }
    case Kind::kFifo: {
      std::string path = path_for("fifo");
      unlink(path.c_str());
      EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
      // Open for both, so that neither side waits for the other here.
      int both = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
      absl::StatusOr<Reader> reader = await(open(ring(), path, options));
      int write_end = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      close(both);
      feed(write_end);
      return *std::move(reader);
    }
    case Kind::kSocket: {
      Ends ends = new_socket_pair();
      feed(ends.write);
      return adopt_fd(ring(), ends.read, options);
    }
    case Kind::kView:
      return read_view(keep(std::move(text)), options);
    case Kind::kString:
      return read_string(std::move(text), options);
    case Kind::kCord: {
      absl::Cord cord;
      for (size_t at = 0, size = 1; at < text.size(); at += size, size = size % 97 + 5) {
        // Cords merge small pieces that are appended; external ones stay apart.
        std::string_view piece = keep(text.substr(at, size));
        cord.Append(absl::MakeCordFromExternal(absl::string_view(piece.data(), piece.size()),
                                               [](absl::string_view) {}));
      }
      return read_cord(std::move(cord), options);
    }
    case Kind::kSource:
      return read_source(ring(), std::make_unique<StrictSource>(std::move(plan)), options);
    case Kind::kRinglessSource:
      return read_source(std::make_unique<StrictSource>(std::move(plan)), options);
    case Kind::kWaitingSource:
      plan.waits_on = &ring();
      return read_source(ring(), std::make_unique<StrictSource>(std::move(plan)), options);
  }
  std::abort();
}

}  // namespace bufio::testing
