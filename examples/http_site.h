// examples/http_site.h
//
// The files that a server shows, as one of its cores has them.
//
// Nothing outside the root directory is ever opened, whatever the path, the symbolic links and the
// renames on the way (uring/open.h, open_beneath). Regular files only; of a directory, its
// index.html.
//
// Belongs to its Ring's thread.

#ifndef EXAMPLES_HTTP_SITE_H_
#define EXAMPLES_HTTP_SITE_H_

#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "examples/http_range.h"
#include "examples/http_target.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace http {

struct Limits {
  size_t max_head = size_t{16} << 10;
  size_t max_skipped_body = size_t{64} << 10;  // a longer body ends the connection
  std::chrono::nanoseconds head_timeout = std::chrono::seconds(10);   // from its first byte
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(60);   // between requests
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);  // for each MiB
  std::chrono::nanoseconds linger_timeout = std::chrono::seconds(2);  // for the peer's last bytes
};

// What there is at a path: a file if `code` is 200, else why there is none.
struct Found {
  int code = 404;
  uring::Ref<uring::Descriptor> file;
  std::string name;  // whose suffix says what it is
  uint64_t size = 0;
  Validators validators;
};

class Site {
 public:
  // The errors of open(2).
  static absl::StatusOr<Site> open(uring::Ring& ring, const std::string& root,
                                   const Limits& limits);

  const Limits& limits() const { return limits_; }

  // 200, 301 (a directory, but the target does not end with a slash), 403, 404, 500 or 503.
  uring::Task<Found> find(TargetPath target);

  // Now, as http_date has it; worked out once a second.
  const std::string& date();

 private:
  Site(uring::Ring& ring, uring::Ref<uring::Descriptor> root, const Limits& limits);

  uring::Ring* ring_;
  uring::Ref<uring::Descriptor> root_;
  Limits limits_;
  time_t now_ = 0;
  std::string date_;
};

}  // namespace http

#endif  // EXAMPLES_HTTP_SITE_H_
