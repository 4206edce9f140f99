#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_log.h"

// Connections are the system's: it accepts and connects, when that does not block. What is the
// model's is when, how often it fails before, and what comes of a cancel.

namespace uring::testing {
namespace {

// As connect(2) on a socket that does not block. Returns 0 or a negative errno.
int connect_at_once(int fd, const std::string& address) {
  int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int result = ::connect(fd, reinterpret_cast<const sockaddr*>(address.data()),
                         static_cast<socklen_t>(address.size()));
  int error = result == 0 ? 0 : -errno;
  fcntl(fd, F_SETFL, flags);
  return error;
}

int outcome_of(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? -error : -errno;
}

}  // namespace

// Both return false if the request has to wait, else it is done.
bool SimKernel::accept(SimRequest& request) {
  if (request.object->ready(POLLIN) == 0) return false;
  int fd = ::accept4(request.fd, nullptr, nullptr, request.open_flags);
  end(request, fd < 0 ? -errno : fd);
  return true;
}

bool SimKernel::connect(SimRequest& request) {
  if (request.connecting) {
    if (request.object->ready(POLLOUT) == 0) return false;
    end(request, outcome_of(request.fd));
    return true;
  }
  int result = connect_at_once(request.fd, request.path);
  bool goes_on = result == 0 || result == -EINPROGRESS;
  if (goes_on && choices_.one_in(knobs_.interrupted_one_in)) {
    log("interrupt a connect, which goes on");
    end(request, -EINTR);
    return true;
  }
  request.connecting = result == -EINPROGRESS;
  if (request.connecting) return false;
  end(request, result);
  return true;
}

}  // namespace uring::testing
