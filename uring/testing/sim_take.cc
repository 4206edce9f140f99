#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "uring/status.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_log.h"
#include "uring/testing/sim_opcodes.h"

// From submission entries to requests: everything that an entry points at, but for the bytes that
// are to be transferred, is read here and never again (IORING_FEAT_SUBMIT_STABLE).

namespace uring::testing {
namespace {

using Kind = SimRequest::Kind;
using State = SimRequest::State;

constexpr unsigned kKnownFlags = IOSQE_ASYNC | IOSQE_BUFFER_SELECT;
constexpr unsigned kCancelFlags =
    IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY;
// What one request transfers at most.
constexpr size_t kMostBytes = INT_MAX & ~size_t{4095};

// linux/io_uring.h since 6.2.
constexpr unsigned kReportUsage = 1U << 3;

bool is_message(uint8_t opcode) {
  return opcode == IORING_OP_SENDMSG || opcode == IORING_OP_SENDMSG_ZC;
}

bool is_send(uint8_t opcode) {
  return opcode == IORING_OP_SEND || opcode == IORING_OP_SEND_ZC || is_message(opcode);
}

bool is_socket_call(uint8_t opcode) { return opcode == IORING_OP_RECV || is_send(opcode); }

bool is_connecting(Kind kind) { return kind == Kind::kAccept || kind == Kind::kConnect; }

bool listens(int fd) {
  int on = 0;
  socklen_t size = sizeof on;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on != 0;
}

bool is_fixed(uint8_t opcode) {
  return opcode == IORING_OP_READ_FIXED || opcode == IORING_OP_WRITE_FIXED;
}

}  // namespace

// Returns false if the entry itself was at fault, so that without IORING_SETUP_SUBMIT_ALL those
// behind it are not taken.
bool SimKernel::take(SimRing& ring) {
  const io_uring_sqe& entry = ring.take();
  ++counts_.taken;
  SimRequest& request = fresh_request();
  request.ring = &ring;
  request.number = counts_.taken;
  request.user_data = entry.user_data;
  request.opcode = entry.opcode;
  int error = read_entry(entry, request);
  log_request("take", request);
  if (error < 0) {
    request.names_descriptor = false;  // nobody has looked it up
    end(request, error);
    post(request);
    return false;
  }
  if (request.kind == Kind::kCancel) {
    cancel(request);
    return true;
  }
  if (request.names_descriptor) {
    error = find_object(request);
    if (error < 0) {
      end(request, error);
      post(request);
      return true;
    }
  }
  if (held_) {
    // It gets as far as the page that is missing.
    bool transfers = request.kind == Kind::kRead || request.kind == Kind::kWrite;
    if (request.object != nullptr && transfers) claim(request);
    return true;
  }
  bool background = (entry.flags & IOSQE_ASYNC) != 0;
  if (background || !choices_.one_in(knobs_.inline_one_in)) return true;
  uint64_t number = request.number;
  for (paused_ = false; !paused_;) {
    // Gone, when its completion was posted.
    if (live_.empty() || live_.back()->number != number || !can_go_on(request)) break;
    if (!advance_request(request)) break;
  }
  return true;
}

// Returns 0, or what is wrong with the entry.
int SimKernel::read_entry(const io_uring_sqe& entry, SimRequest& request) {
  if ((entry.flags & ~kKnownFlags) != 0 || sim_opcode_name(entry.opcode).empty()) return -EINVAL;
  request.selects_buffer = (entry.flags & IOSQE_BUFFER_SELECT) != 0;
  switch (entry.opcode) {
    case IORING_OP_NOP:
      return request.selects_buffer ? -EOPNOTSUPP : 0;
    case IORING_OP_FSYNC:
      request.kind = Kind::kSync;
      request.fd = entry.fd;
      request.names_descriptor = true;
      return 0;
    case IORING_OP_POLL_ADD:
      if (entry.len != 0) return -EINVAL;
      request.kind = Kind::kPoll;
      request.fd = entry.fd;
      request.names_descriptor = true;
      request.events = static_cast<short>(entry.poll32_events);
      return 0;
    case IORING_OP_ASYNC_CANCEL:
      request.kind = Kind::kCancel;
      ++counts_.cancels;
      if ((entry.cancel_flags & ~kCancelFlags) != 0) return -EINVAL;
      request.open_flags = static_cast<int>(entry.cancel_flags);
      request.offset = entry.addr;
      request.fd = entry.fd;
      return 0;
    case IORING_OP_OPENAT: {
      const auto* path = reinterpret_cast<const char*>(entry.addr);
      request.kind = Kind::kOpen;
      request.fd = entry.fd;
      request.open_flags = static_cast<int>(entry.open_flags);
      request.mode = entry.len;
      if (check_memory(request, path, 1)) request.path = path;
      return 0;
    }
    case IORING_OP_CLOSE:
      request.kind = Kind::kClose;
      request.fd = entry.fd;
      return 0;
    case IORING_OP_ACCEPT:
    case IORING_OP_CONNECT:
      return read_socket_call(entry, request);
    default:
      return read_transfer(entry, request);
  }
}

int SimKernel::read_socket_call(const io_uring_sqe& entry, SimRequest& request) {
  request.fd = entry.fd;
  request.names_descriptor = true;
  const auto* address = reinterpret_cast<const char*>(entry.addr);
  if (entry.opcode == IORING_OP_CONNECT) {
    request.kind = Kind::kConnect;
    if (check_memory(request, address, entry.off)) request.path.assign(address, entry.off);
    return 0;
  }
  request.kind = Kind::kAccept;
  request.open_flags = static_cast<int>(entry.accept_flags);
  request.multishot = (entry.ioprio & IORING_ACCEPT_MULTISHOT) != 0;
  bool known = (entry.ioprio & ~IORING_ACCEPT_MULTISHOT) == 0 && entry.file_index == 0;
  // The peer's address is not told here: getpeername(2) does it as well.
  return known && address == nullptr && (knobs_.multishot || !request.multishot) ? 0 : -EINVAL;
}

void SimKernel::read_vectors(SimRequest& request, const iovec* vectors, size_t count) {
  request.length = 0;
  if (!check_memory(request, vectors, count * sizeof(iovec))) return;
  request.memory.assign(vectors, vectors + count);
  for (const iovec& vector : request.memory) request.length += vector.iov_len;
}

int SimKernel::read_transfer(const io_uring_sqe& entry, SimRequest& request) {
  request.fd = entry.fd;
  request.names_descriptor = true;
  request.length = std::min<size_t>(entry.len, kMostBytes);
  request.offset = is_socket_call(entry.opcode) ? 0 : entry.off;
  request.group = entry.buf_group;
  auto* data = reinterpret_cast<char*>(entry.addr);
  switch (entry.opcode) {
    case IORING_OP_WRITE:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_WRITEV:
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
    case IORING_OP_SEND_ZC:
    case IORING_OP_SENDMSG_ZC:
      request.kind = Kind::kWrite;
      if (request.selects_buffer) return -EOPNOTSUPP;
      break;
    default:
      request.kind = Kind::kRead;
  }
  if (is_send(entry.opcode)) request.raises_signal = (entry.msg_flags & MSG_NOSIGNAL) == 0;
  if (is_zero_copy(entry.opcode)) {
    if (!knobs_.zero_copy) return -EINVAL;
    // From here on there is a notification, however it ends.
    request.zero_copy = true;
    request.tells_usage = (entry.ioprio & kReportUsage) != 0;
    if ((entry.ioprio & ~kReportUsage) != 0) return -EINVAL;
  }
  if (entry.opcode == kReadMultishotOpcode ||
      (entry.opcode == IORING_OP_RECV && (entry.ioprio & IORING_RECV_MULTISHOT) != 0)) {
    if (!knobs_.multishot || !request.selects_buffer) return -EINVAL;
    if (entry.opcode == IORING_OP_RECV && entry.len != 0) return -EINVAL;
    request.multishot = true;
  }
  if (entry.opcode == IORING_OP_READV || entry.opcode == IORING_OP_WRITEV) {
    if (request.selects_buffer || entry.len > IOV_MAX) return -EINVAL;
    read_vectors(request, reinterpret_cast<const iovec*>(entry.addr), entry.len);
  } else if (is_message(entry.opcode)) {
    const auto* message = reinterpret_cast<const msghdr*>(entry.addr);
    request.length = 0;
    if (!check_memory(request, message, sizeof *message)) return 0;
    if (message->msg_namelen > 0 || message->msg_controllen > 0) return -EINVAL;
    if (message->msg_iovlen > IOV_MAX) return -EMSGSIZE;
    read_vectors(request, message->msg_iov, message->msg_iovlen);
  } else if (!request.selects_buffer) {
    request.memory.push_back({data, request.length});
  } else {
    // Until a buffer is selected there is no telling.
    request.asked = std::exchange(request.length, 1);
  }
  return 0;
}

// What its descriptor stands for now. Returns 0 or a negative errno: what the request comes to.
int SimKernel::find_object(SimRequest& request) {
  struct stat now;
  if (fstat(request.fd, &now) != 0) {
    request.names_descriptor = false;
    return -EBADF;
  }
  request.identity = {now.st_dev, now.st_ino};
  bool regular = S_ISREG(now.st_mode) || S_ISBLK(now.st_mode);
  if (request.kind == Kind::kSync) return regular ? 0 : -EINVAL;
  bool socket = S_ISSOCK(now.st_mode);
  if (is_connecting(request.kind) && !socket) return -ENOTSOCK;
  if (request.kind == Kind::kAccept && !listens(request.fd)) return -EINVAL;
  int access;
  auto attachment = attachments_.find(request.fd);
  if (!is_connecting(request.kind) && attachment != attachments_.end() &&
      attachment->second.identity == request.identity) {
    request.object = attachment->second.object;
    access = attachment->second.access;
  } else {
    bool pollable = !regular && !S_ISDIR(now.st_mode);
    request.object = std::make_shared<SystemObject>(request.fd, pollable, socket);
    access = fcntl(request.fd, F_GETFL) & O_ACCMODE;
  }
  if (request.kind == Kind::kRead && access == O_WRONLY) return -EBADF;
  if (request.kind == Kind::kWrite && access == O_RDONLY) return -EBADF;
  // Pipes do not look at offsets.
  bool somewhere = request.offset != 0 && request.offset != SimObject::kPosition;
  if (socket && somewhere && !is_connecting(request.kind)) return -ESPIPE;
  if (is_fixed(request.opcode)) {
    const iovec& memory = request.memory.front();
    if (!request.ring->fixed(request.group, memory.iov_base, memory.iov_len)) return -EFAULT;
  }
  if (is_socket_call(request.opcode) && !socket) return -ENOTSOCK;
  if (request.zero_copy && !request.object->can_zero_copy()) return -EOPNOTSUPP;
  if (request.opcode == kReadMultishotOpcode && !request.object->pollable()) return -EBADFD;
  return 0;
}

// --- cancelling ----------------------------------------------------------------------------------

void SimKernel::cancel(SimRequest& request) {
  auto flags = static_cast<unsigned>(request.open_flags);
  bool any = (flags & IORING_ASYNC_CANCEL_ANY) != 0;
  bool by_fd = (flags & IORING_ASYNC_CANCEL_FD) != 0;
  bool all = any || (flags & IORING_ASYNC_CANCEL_ALL) != 0;
  int cancelled = 0;
  int answer = -ENOENT;
  for (const std::unique_ptr<SimRequest>& target : live_) {
    if (target->ring != request.ring || target->kind == Kind::kCancel) continue;
    // It is over; what notifies is no request that could be found.
    if (target->state == State::kNotifying) continue;
    bool matches = any || (by_fd ? target->fd == request.fd : target->user_data == request.offset);
    if (!matches) continue;
    answer = cancel_target(*target);
    log_request("cancel", *target, ": ", answer);
    if (answer == 0) ++cancelled;
    if (!all) break;
  }
  end(request, all ? cancelled : answer);
  if (!knobs_.any_order || choices_.below(2) == 0) post(request);
}

int SimKernel::cancel_target(SimRequest& target) {
  if (target.state == State::kDone) {
    return choices_.one_in(knobs_.cancel_already_one_in) ? -EALREADY : -ENOENT;
  }
  bool armed = target.state == State::kArmed;
  if (held_) {
    target.doomed |= armed;
    return choices_.one_in(knobs_.cancel_not_found_one_in) ? -ENOENT : -EALREADY;
  }
  if (choices_.one_in(knobs_.cancel_not_found_one_in)) {
    target.doomed |= armed;
    return -ENOENT;
  }
  if (choices_.one_in(knobs_.cancel_already_one_in)) {
    target.doomed |= armed;
    return -EALREADY;
  }
  if (choices_.one_in(knobs_.cancel_late_one_in)) {
    target.doomed |= armed;
    return 0;
  }
  bool interrupted = choices_.one_in(knobs_.cancel_eintr_one_in);
  if (armed) {
    end(target, interrupted ? -EINTR : -ECANCELED);
    return 0;
  }
  // A signal reaches the worker between two pages. The file still has the bytes.
  bool in_mid_copy = target.copied > 0 && target.copied < target.claimed;
  if (interrupted && in_mid_copy && target.kind == Kind::kRead && !target.object->pollable() &&
      target.offset != SimObject::kPosition) {
    target.claimed = target.copied;
  }
  return -EALREADY;
}

}  // namespace uring::testing
