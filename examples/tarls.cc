// examples/tarls.cc
//
// Lists what is in a tar archive, compressed or not, and takes a file out of it.
//
//   bazel run -c opt //examples:tarls -- -v "$PWD/archive.tar.gz"
//   bazel run -c opt //examples:tarls -- -C /tmp -x src/main.c "$PWD/archive.tar.zst"
//
// An archive is read once, front to back; contents that nobody wants are passed over, in a file
// without being read. What is taken out stays below its folder, whatever the archive says.

#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "bufio/copy.h"
#include "bufio/messages.h"
#include "bufio/parse/tar.h"
#include "bufio/reader.h"
#include "bufio/take.h"
#include "bufio/writer.h"
#include "bufio/writer_descriptor.h"
#include "examples/progress.h"
#include "examples/standard_descriptors.h"
#include "examples/tool.h"
#include "uring/block_on.h"
#include "uring/open.h"
#include "uring/ring.h"
#include "uring/status.h"
#include "uring/task.h"

namespace tarls {
namespace {

using Root = uring::Ref<uring::Descriptor>;

struct Job {
  std::string archive = "-";
  bool details = false;
  std::optional<std::string> member;  // to be taken out
  bool to_output = false;             // to standard output
  std::string folder = ".";
  tool::Progress progress;
};

// A name as it is shown: control characters and backslashes as `tar -t` shows them.
std::string shown(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&text, "\\%03o", static_cast<unsigned char>(c));
    } else {
      text.push_back(c);
    }
  }
  return text;
}

char kind(const bufio::TarEntry& entry) {
  switch (entry.type) {
    case bufio::TarType::kHardLink:
      return 'h';
    case bufio::TarType::kSymbolicLink:
      return 'l';
    case bufio::TarType::kCharacterDevice:
      return 'c';
    case bufio::TarType::kBlockDevice:
      return 'b';
    case bufio::TarType::kDirectory:
      return 'd';
    case bufio::TarType::kFifo:
      return 'p';
    case bufio::TarType::kFile:
    case bufio::TarType::kOther:
      break;
  }
  return '-';
}

// "-rw-r--r-- user/group     1234 2026-11-25 12:00 name", in UTC.
std::string described(const bufio::TarEntry& entry) {
  std::string line(1, kind(entry));
  for (int shift = 6; shift >= 0; shift -= 3) {
    const unsigned bits = entry.mode >> shift & 7U;
    line += (bits & 4U) != 0 ? 'r' : '-';
    line += (bits & 2U) != 0 ? 'w' : '-';
    line += (bits & 1U) != 0 ? 'x' : '-';
  }
  const std::string user = entry.user.empty() ? absl::StrCat(entry.uid) : shown(entry.user);
  const std::string group = entry.group.empty() ? absl::StrCat(entry.gid) : shown(entry.group);
  const std::time_t seconds = entry.mtime;
  std::tm time = {};
  gmtime_r(&seconds, &time);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", &time);
  absl::StrAppendFormat(&line, " %s/%s %d %s %s", user, group, entry.size, date, shown(entry.path));
  if (!entry.link.empty()) {
    absl::StrAppend(&line, entry.type == bufio::TarType::kHardLink ? " link to " : " -> ",
                    shown(entry.link));
  }
  return line;
}

// The folders above `path` are made as far as they are missing, each below `root`.
uring::Task<absl::StatusOr<Root>> make_folders(uring::Ring& ring, Root root, std::string path) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/')) {
    const std::string folder = path.substr(0, slash);
    path.erase(0, slash + 1);
    if (folder.empty() || folder == ".") continue;
    if (mkdirat(root->fd(), folder.c_str(), 0777) != 0 && errno != EEXIST) {
      co_return uring::errno_status(errno, "mkdir", folder);
    }
    absl::StatusOr<Root> below =
        co_await uring::open_beneath(ring, root, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!below.ok()) co_return below.status();
    root = *std::move(below);
  }
  co_return std::move(root);
}

// Below job.folder, and only a file that is not there yet. On an error nothing is left of it.
uring::Task<absl::Status> take_out(uring::Ring& ring, const Job& job, std::string path,
                                   uint32_t mode, bufio::Reader content) {
  if (path.starts_with('/') || ("/" + path + "/").find("/../") != std::string::npos) {
    co_return absl::InvalidArgumentError(
        absl::StrCat(shown(path), ": leads out of the folder; -O prints it"));
  }
  absl::StatusOr<Root> root = co_await uring::open_file(ring, job.folder, O_PATH | O_DIRECTORY);
  if (!root.ok()) co_return root.status();
  absl::StatusOr<Root> folder = co_await make_folders(ring, *std::move(root), path);
  if (!folder.ok()) co_return folder.status();
  const std::string name = path.substr(path.rfind('/') + 1);
  absl::StatusOr<Root> file =
      co_await uring::open_beneath(ring, *folder, name, O_WRONLY | O_CREAT | O_EXCL, mode & 0777U);
  if (!file.ok()) co_return file.status();
  bufio::Writer writer = bufio::write_descriptor(ring, *std::move(file));
  const bufio::CopyResult copied = co_await bufio::copy(content, writer);
  absl::Status closed = co_await writer.close();
  absl::Status status = copied.ok() ? std::move(closed) : copied.status();
  if (!status.ok()) unlinkat((*folder)->fd(), name.c_str(), 0);
  co_return status;
}

uring::Task<absl::Status> print(uring::Ring& ring, bufio::Reader content) {
  bufio::Writer output = bufio::standard_output(ring);
  const bufio::CopyResult copied = co_await bufio::copy(content, output);
  absl::Status closed = co_await output.close();
  co_return copied.ok() ? std::move(closed) : copied.status();
}

uring::Task<absl::Status> list(uring::Ring& ring, bufio::Reader& archive, Job& job) {
  bufio::Writer output = bufio::standard_output(ring);
  bufio::Messages<bufio::TarParser> entries(archive);
  for (;;) {
    const std::optional<bufio::TarEntry> entry = co_await entries.next();
    if (!entry.has_value()) break;
    ++job.progress.inputs;
    job.progress.bytes = archive.pos();
    std::string line = job.details ? described(*entry) : shown(entry->path);
    line.push_back('\n');
    const absl::Status written = co_await output.write(line);
    if (!written.ok()) co_return written;
  }
  const absl::Status closed = co_await output.close();
  co_return entries.status().ok() ? closed : entries.status();
}

uring::Task<absl::Status> find_and_take(uring::Ring& ring, bufio::Reader& archive, Job& job) {
  const std::string member = *job.member;
  bufio::Messages<bufio::TarParser> entries(archive);
  for (;;) {
    const std::optional<bufio::TarEntry> entry = co_await entries.next();
    if (!entry.has_value()) break;
    ++job.progress.inputs;
    job.progress.bytes = archive.pos();
    if (entry->path != member) continue;
    if (entry->type != bufio::TarType::kFile) {
      co_return absl::InvalidArgumentError(absl::StrCat(shown(member), ": not a regular file"));
    }
    const uint32_t mode = entry->mode;
    bufio::Reader content = bufio::take_exactly(archive, entry->size);
    absl::Status status;
    if (job.to_output) {
      status = co_await print(ring, std::move(content));
    } else {
      status = co_await take_out(ring, job, member, mode, std::move(content));
    }
    co_return status;
  }
  if (!entries.status().ok()) co_return entries.status();
  co_return absl::NotFoundError(absl::StrCat(shown(member), ": not in the archive"));
}

uring::Task<absl::Status> work(uring::Ring& ring, Job& job) {
  absl::StatusOr<bufio::Reader> archive = co_await tool::open_input(ring, job.archive);
  if (!archive.ok()) co_return archive.status();
  absl::Status status;
  if (job.member.has_value()) {
    status = co_await find_and_take(ring, *archive, job);
  } else {
    status = co_await list(ring, *archive, job);
  }
  co_return status;
}

constexpr const char* kHelp =
    "Usage: tarls [-v] [ARCHIVE]\n"
    "       tarls [-O] [-C FOLDER] -x MEMBER [ARCHIVE]\n"
    "List the members of a tar archive, or take one out of it. Archives that gzip,\n"
    "zstd, lz4 or xz have compressed are decompressed. With no ARCHIVE, or when it\n"
    "is -, read standard input.\n"
    "\n"
    "  -v         with type, mode, owner, size and time (in UTC)\n"
    "  -x MEMBER  write the first member of that name to a file that does not exist\n"
    "             yet, below FOLDER and never outside\n"
    "  -C FOLDER  the folder; the current one if it is not given\n"
    "  -O         write it to standard output instead\n"
    "  --help     display this help and exit\n";

int main(int argc, char** argv) {
  Job job;
  const option options[] = {{"help", no_argument, nullptr, 'h'}, {nullptr, 0, nullptr, 0}};
  for (int option; (option = getopt_long(argc, argv, "vx:C:O", options, nullptr)) != -1;) {
    switch (option) {
      case 'v':
        job.details = true;
        break;
      case 'x':
        job.member = optarg;
        break;
      case 'C':
        job.folder = optarg;
        break;
      case 'O':
        job.to_output = true;
        break;
      case 'h':
        std::fputs(kHelp, stdout);
        return std::fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
      default:
        std::fputs("Try 'tarls --help' for more information.\n", stderr);
        return EXIT_FAILURE;
    }
  }
  if (optind + 1 < argc) {
    std::fputs("tarls: one ARCHIVE at a time; try 'tarls --help'\n", stderr);
    return EXIT_FAILURE;
  }
  if (optind < argc) job.archive = argv[optind];
  if (!occupy_standard_descriptors()) return EXIT_FAILURE;
  absl::StatusOr<uring::Ring> ring = uring::Ring::create();
  absl::Status status = ring.status();
  if (ring.ok()) {
    status = uring::block_on(*ring, tool::show_while(*ring, job.progress, work(*ring, job)));
  }
  if (status.ok()) return EXIT_SUCCESS;
  std::fprintf(stderr, "tarls: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

}  // namespace
}  // namespace tarls

int main(int argc, char** argv) { return tarls::main(argc, argv); }
