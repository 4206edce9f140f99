#include "examples/http_site.h"

#include <fcntl.h>
#include <time.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_format.h"
#include "uring/open.h"
#include "uring/status.h"

namespace http {
namespace {

using uring::Descriptor;
using uring::Ref;

// A FIFO is not to block the open, nor is a terminal to become ours.
constexpr int kHowToOpen = O_RDONLY | O_NONBLOCK | O_NOCTTY;

int code_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return 403;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EXDEV:  // it leads out
    case ELOOP:
    case ENXIO:  // a socket
    case ENODEV:
      return 404;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return 503;
    default:
      return 500;
  }
}

std::string etag_of(const struct stat& status) {
  return absl::StrFormat("\"%x-%x-%x\"", status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                         status.st_size);
}

Found found(Ref<Descriptor> file, const struct stat& status, std::string name) {
  // From here on it is an ordinary file, read in the ordinary way.
  fcntl(file->fd(), F_SETFL, 0);
  Found result;
  result.code = 200;
  result.file = std::move(file);
  result.name = std::move(name);
  result.size = static_cast<uint64_t>(status.st_size);
  result.validators.etag = etag_of(status);
  result.validators.modified = status.st_mtim.tv_sec;
  return result;
}

Found nothing(int code) {
  Found result;
  result.code = code;
  return result;
}

}  // namespace

absl::StatusOr<Site> Site::open(uring::Ring& ring, const std::string& root, const Limits& limits) {
  int fd = ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return uring::errno_status(errno, "open", root);
  return Site(ring, uring::make_ref<Descriptor>(fd, Descriptor::Ownership::kOwned, root), limits);
}

Site::Site(uring::Ring& ring, Ref<Descriptor> root, const Limits& limits)
    : ring_(&ring), root_(std::move(root)), limits_(limits) {}

uring::Task<Found> Site::find(TargetPath target) {
  std::string path = std::move(target.path);
  for (bool index = false;; index = true) {
    absl::StatusOr<Ref<Descriptor>> opened =
        co_await uring::open_beneath(*ring_, root_, path, kHowToOpen);
    if (!opened.ok()) co_return nothing(code_of(uring::errno_of(opened.status())));
    struct stat status;
    if (::fstat((*opened)->fd(), &status) != 0) co_return nothing(500);
    if (S_ISREG(status.st_mode)) {
      if (target.directory && !index) co_return nothing(404);
      co_return found(*std::move(opened), status, std::move(path));
    }
    if (!S_ISDIR(status.st_mode) || index) co_return nothing(404);
    if (!target.directory) co_return nothing(301);
    path += "/index.html";
  }
}

const std::string& Site::date() {
  time_t now = ::time(nullptr);
  if (now != now_) {
    now_ = now;
    date_ = http_date(now);
  }
  return date_;
}

}  // namespace http
