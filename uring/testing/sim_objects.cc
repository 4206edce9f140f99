#include "uring/testing/sim_objects.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace uring::testing {

// --- a file --------------------------------------------------------------------------------------

size_t SimFile::available(uint64_t offset) const {
  if (offset == kPosition) offset = position_;
  return offset < bytes_.size() ? bytes_.size() - offset : 0;
}

ssize_t SimFile::read(uint64_t offset, size_t size, std::string& into) {
  if (static_cast<int64_t>(offset) < -1) return -EINVAL;
  size = std::min(size, available(offset));
  uint64_t from = offset == kPosition ? position_ : offset;
  into.assign(size > 0 ? bytes_.data() + from : "", size);
  if (offset == kPosition) position_ += size;
  return static_cast<ssize_t>(size);
}

ssize_t SimFile::write(uint64_t offset, std::string_view bytes) {
  if (static_cast<int64_t>(offset) < -1) return -EINVAL;
  if (appends_) position_ = bytes_.size();
  uint64_t at = offset == kPosition || appends_ ? position_ : offset;
  if (at + bytes.size() > bytes_.size()) bytes_.resize(at + bytes.size());
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(at));
  if (offset == kPosition || appends_) position_ += bytes.size();
  return static_cast<ssize_t>(bytes.size());
}

// --- a stream ------------------------------------------------------------------------------------

short SimStream::ready(short events) const {
  int found = 0;
  // The end of a socket reads as something to read, that of a pipe is a hang-up and no more.
  if (unread() > 0 || error_ != 0 || (ended_ && socket_)) found |= POLLIN | POLLRDNORM;
  if (room_ > 0 || hung_up_) found |= POLLOUT | POLLWRNORM;
  bool writing = (events & POLLOUT) != 0;
  found &= events;
  // These are told whether they were asked for or not.
  if (ended_ && socket_) found |= POLLRDHUP;
  if (error_ != 0 || write_error_ != 0 || (hung_up_ && writing && !socket_)) found |= POLLERR;
  if (ended_ && (!socket_ || hung_up_)) found |= POLLHUP;
  return static_cast<short>(found);
}

size_t SimStream::available(uint64_t /*offset*/) const { return unread(); }

ssize_t SimStream::read(uint64_t /*offset*/, size_t size, std::string& into) {
  if (unread() == 0) return -std::exchange(error_, 0);
  size = std::min(size, unread());
  into.assign(incoming_, taken_, size);
  taken_ += size;
  if (taken_ == incoming_.size()) {
    incoming_.clear();
    taken_ = 0;
  }
  return static_cast<ssize_t>(size);
}

ssize_t SimStream::reserve(size_t size) {
  if (write_error_ != 0) return -std::exchange(write_error_, 0);
  if (hung_up_) return -EPIPE;
  size = std::min(size, room_);
  if (room_ != SIZE_MAX) room_ -= size;
  return static_cast<ssize_t>(size);
}

ssize_t SimStream::write(uint64_t /*offset*/, std::string_view bytes) {
  written_ += bytes;
  return static_cast<ssize_t>(bytes.size());
}

// --- the system's --------------------------------------------------------------------------------

short SystemObject::ready(short events) const {
  pollfd entry = {fd_, events, 0};
  return poll(&entry, 1, 0) > 0 ? entry.revents : short{0};
}

ssize_t SystemObject::read(uint64_t offset, size_t size, std::string& into) {
  into.resize(size);
  ssize_t result = socket_ ? ::recv(fd_, into.data(), size, MSG_DONTWAIT)
                   : offset == kPosition
                       ? ::read(fd_, into.data(), size)
                       : ::pread(fd_, into.data(), size, static_cast<off_t>(offset));
  if (result < 0 && errno == ESPIPE) result = ::read(fd_, into.data(), size);
  if (result < 0) return -errno;
  into.resize(static_cast<size_t>(result));
  return result;
}

ssize_t SystemObject::write(uint64_t offset, std::string_view bytes) {
  ssize_t result = socket_ ? ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                   : offset == kPosition
                       ? ::write(fd_, bytes.data(), bytes.size())
                       : ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (result < 0 && errno == ESPIPE) {
    result = ::write(fd_, bytes.data(), bytes.size());
  }
  return result < 0 ? -errno : result;
}

}  // namespace uring::testing
