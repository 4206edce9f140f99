#include "benchmarks/corpus.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmarks/die.h"
#include "benchmarks/random.h"

namespace bench {
namespace {

constexpr uint64_t kMadeSize = uint64_t{1} << 30;

constexpr std::array<std::string_view, 4> kLevels = {"DEBUG", "INFO", "WARN", "ERROR"};
constexpr std::array<std::string_view, 24> kWords = {
    "accept",  "backend", "cache",   "client", "commit",   "connection", "deadline", "flush",
    "handler", "index",   "leader",  "merge",  "query",    "queue",      "replica",  "request",
    "retry",   "scan",    "segment", "shard",  "snapshot", "timeout",    "token",    "upstream"};

void append_number(std::string& text, uint64_t value, size_t width) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const auto count = static_cast<size_t>(end - digits.data());
  if (count < width) text.append(width - count, '0');
  text.append(digits.data(), count);
}

// One line such as "2024-05-17T08:23:45.000317Z WARN shard[481]: upstream timeout retry queue".
void append_line(std::string& text, Random& random, uint64_t& microseconds) {
  microseconds += random.below(2000);
  const uint64_t seconds = microseconds / 1'000'000;
  text += "2024-05-17T";
  append_number(text, seconds / 3600 % 24, 2);
  text += ':';
  append_number(text, seconds / 60 % 60, 2);
  text += ':';
  append_number(text, seconds % 60, 2);
  text += '.';
  append_number(text, microseconds % 1'000'000, 6);
  text += "Z ";
  text += kLevels[random.below(kLevels.size())];
  text += ' ';
  text += kWords[random.below(kWords.size())];
  text += '[';
  append_number(text, random.below(10'000), 1);
  text += "]:";
  for (uint64_t words = 1 + random.below(11); words > 0; --words) {
    text += ' ';
    text += kWords[random.below(kWords.size())];
  }
  text += '\n';
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      die("writing the benchmark's file", errno);
    }
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// Appears under its name only when it is whole, so that an interrupted run leaves nothing that
// looks usable. Written by blocks; `next` makes the one with so many bytes left, or nothing.
void make(const std::string& path, uint64_t size,
          const std::function<std::string_view(uint64_t left)>& next) {
  std::cerr << "making " << path << " (" << (size >> 20) << " MiB)\n";
  const std::string partial = path + ".partial";
  const int fd =
      ::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) die(partial, errno);
  for (uint64_t left = size; left > 0;) {
    const std::string_view block = next(left);
    write_all(fd, block);
    left -= std::min<uint64_t>(left, block.size());
  }
  if (::fsync(fd) != 0 || ::close(fd) != 0) die(partial, errno);
  std::filesystem::rename(partial, path);
}

constexpr size_t kBlock = size_t{1} << 20;

void make_log(const std::string& path) {
  Random random(20240517);
  uint64_t microseconds = 0;
  std::string text;
  size_t written = 0;
  make(path, kMadeSize, [&](uint64_t left) {
    text.erase(0, written);
    while (text.size() < kBlock) append_line(text, random, microseconds);
    written = left < kBlock ? static_cast<size_t>(left) : kBlock;
    if (written == left) text[written - 1] = '\n';
    return std::string_view(text).substr(0, written);
  });
}

std::string path_of_made_file(const std::string& name) {
  const auto directory =
      std::filesystem::temp_directory_path() / ("uring-bufio-bench-" + std::to_string(::getuid()));
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) die(directory.string(), errno);
  struct stat found {};
  if (::lstat(directory.c_str(), &found) != 0) die(directory.string(), errno);
  if (!S_ISDIR(found.st_mode) || found.st_uid != ::getuid())
    die(directory.string() + " is not ours", 0);
  return (directory / name).string();
}

uint64_t size_of_file(const std::string& path) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(path, missing);
  return missing ? 0 : size;
}

}  // namespace

Corpus Corpus::open_or_make() {
  // Read before any thread is started.
  const char* given = std::getenv("BUFIO_BENCH_FILE");  // NOLINT(concurrency-mt-unsafe)
  const std::string path = given != nullptr ? given : path_of_made_file("log-1gib-v1.txt");
  if (given == nullptr && size_of_file(path) != kMadeSize) make_log(path);
  return open(path);
}

Corpus Corpus::open_or_make(const std::string& name, uint64_t size, const Append& append) {
  const std::string path = path_of_made_file(name);
  if (size_of_file(path) < size) {
    std::string text;
    make(path, size, [&](uint64_t left) {
      text.clear();
      while (text.size() < kBlock && text.size() < left) append(text);
      return std::string_view(text);
    });
  }
  return open(path);
}

Corpus Corpus::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path, errno);
  struct stat found {};
  if (::fstat(fd, &found) != 0) die(path, errno);
  if (!S_ISREG(found.st_mode) || found.st_size == 0)
    die(path + ": not a regular file, or empty", 0);
  return Corpus(path, fd, static_cast<uint64_t>(found.st_size));
}

Corpus::Corpus(Corpus&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

Corpus::~Corpus() {
  if (fd_ >= 0) ::close(fd_);
}

void Corpus::warm() const {
  drop();
  std::vector<char> piece(size_t{128} << 10);
  uint64_t offset = 0;
  while (offset < size_) {
    const ssize_t got = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (got <= 0) die(path_, got < 0 ? errno : 0);
    offset += static_cast<uint64_t>(got);
  }
}

bool Corpus::drop() const {
  // Dirty pages cannot be dropped.
  if (::fdatasync(fd_) != 0 || ::posix_fadvise(fd_, 0, 0, POSIX_FADV_DONTNEED) != 0) return false;
  char byte = 0;
  const iovec first{&byte, 1};
  return ::preadv2(fd_, &first, 1, 0, RWF_NOWAIT) < 0;
}

}  // namespace bench
