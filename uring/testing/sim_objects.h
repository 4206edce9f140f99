// uring/testing/sim_objects.h
//
// What a descriptor stands for in a simulated kernel: a file, one end of a stream, or whatever the
// system has under that number.
//
// A request that reads takes bytes out of its object in one piece (read), and then copies them to
// its memory in as many as it likes; one that writes asks for room (reserve), copies, and hands
// over what it has (write). So nothing is lost between the two, and what has taken nothing can be
// cancelled. Shared by the test, the kernel and the requests in flight, which keep what their
// descriptor named when they were taken. Not thread-safe.

#ifndef URING_TESTING_SIM_OBJECTS_H_
#define URING_TESTING_SIM_OBJECTS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace uring::testing {

class SimObject {
 public:
  // An offset that means: the object's own position.
  static constexpr uint64_t kPosition = UINT64_MAX;

  virtual ~SimObject() = default;

  // Poll events (POLLIN …) of those asked for that are there now, and POLLERR and POLLHUP.
  virtual short ready(short events) const = 0;
  // Whether one can wait for it; a file is always ready.
  virtual bool pollable() const = 0;
  // How many bytes a read could give at once, SIZE_MAX if that is not known.
  virtual size_t available(uint64_t offset) const = 0;
  // Takes up to `size` bytes out, replacing `into`. Returns how many, 0 at the end, or a negative
  // errno. Only when it is ready.
  virtual ssize_t read(uint64_t offset, size_t size, std::string& into) = 0;
  // How many of `size` bytes may be written now, or a negative errno. Only when it is ready.
  virtual ssize_t reserve(size_t size) = 0;
  // Takes in what was reserved. Returns how many bytes, or a negative errno.
  virtual ssize_t write(uint64_t offset, std::string_view bytes) = 0;
  virtual bool can_zero_copy() const { return false; }
  // Whether something outside of the simulation may make it ready.
  virtual bool is_system() const { return false; }
};

// A regular file: bytes at offsets. Grows when it is written to.
class SimFile final : public SimObject {
 public:
  explicit SimFile(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string& bytes() { return bytes_; }
  const std::string& bytes() const { return bytes_; }

  short ready(short events) const override { return events; }
  bool pollable() const override { return false; }
  size_t available(uint64_t offset) const override;
  ssize_t read(uint64_t offset, size_t size, std::string& into) override;
  ssize_t reserve(size_t size) override { return static_cast<ssize_t>(size); }
  ssize_t write(uint64_t offset, std::string_view bytes) override;
  // As if it had been opened with O_APPEND.
  void set_append() { appends_ = true; }

 private:
  std::string bytes_;
  uint64_t position_ = 0;
  bool appends_ = false;
};

// One end of a pipe or socket. The test is its other end.
class SimStream final : public SimObject {
 public:
  explicit SimStream(bool socket = false) : socket_(socket) {}

  // --- the incoming direction: what requests read
  void feed(std::string_view bytes) { incoming_ += bytes; }  // more has arrived
  void end() { ended_ = true; }                              // and nothing more will
  void fail(int error) { error_ = error; }  // after what has arrived: ECONNRESET, EIO …, once
  size_t unread() const { return incoming_.size() - taken_; }
  bool ended() const { return ended_; }

  // --- the outgoing direction: what requests have written
  const std::string& written() const { return written_; }
  // Room for so many bytes more; a writer waits when it is used up.
  void set_room(size_t bytes) { room_ = bytes; }
  size_t room() const { return room_; }
  void hang_up() { hung_up_ = true; }  // writing is EPIPE from now on
  // The next writing is this error, ECONNRESET for one, and what comes then is EPIPE.
  void fail_writing(int error) {
    write_error_ = error;
    hung_up_ = true;
  }
  // Whether it can be sent to without a copy; else that is EOPNOTSUPP, as on a Unix socket.
  void set_zero_copy(bool can) { zero_copy_ = can; }

  short ready(short events) const override;
  bool pollable() const override { return true; }
  size_t available(uint64_t offset) const override;
  ssize_t read(uint64_t offset, size_t size, std::string& into) override;
  ssize_t reserve(size_t size) override;
  ssize_t write(uint64_t offset, std::string_view bytes) override;
  bool can_zero_copy() const override { return zero_copy_; }

 private:
  bool socket_;
  std::string incoming_;
  size_t taken_ = 0;  // of incoming_, from its start
  std::string written_;
  size_t room_ = SIZE_MAX;
  int error_ = 0;
  int write_error_ = 0;
  bool ended_ = false;
  bool hung_up_ = false;
  bool zero_copy_ = true;
};

// Whatever the system has under this number, as long as the number is open. One system call to look
// whether it is ready, one to read or write.
class SystemObject final : public SimObject {
 public:
  SystemObject(int fd, bool pollable, bool socket)
      : fd_(fd), pollable_(pollable), socket_(socket) {}

  short ready(short events) const override;
  bool pollable() const override { return pollable_; }
  size_t available(uint64_t /*offset*/) const override { return SIZE_MAX; }
  ssize_t read(uint64_t offset, size_t size, std::string& into) override;
  ssize_t reserve(size_t size) override { return static_cast<ssize_t>(size); }
  ssize_t write(uint64_t offset, std::string_view bytes) override;
  bool is_system() const override { return true; }

 private:
  int fd_;
  bool pollable_;
  bool socket_;
};

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_OBJECTS_H_
