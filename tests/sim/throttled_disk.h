// tests/sim/throttled_disk.h
//
// A disk that reads one block in a second, so that a direct read is in flight for as long as a test
// wants: it is with the hardware then, where no cancel reaches it.
//
// A loop device over a file of the test's, slowed down by a control group of the test's (version 1,
// blkio). Needs root and both of these; why_not() says what is missing. Both are gone in the end.

#ifndef TESTS_SIM_THROTTLED_DISK_H_
#define TESTS_SIM_THROTTLED_DISK_H_

#include <string>
#include <string_view>

namespace uring::testing {

class ThrottledDisk {
 public:
  // It holds these bytes, which are whole blocks of 4096. As fast as any until slow_down().
  explicit ThrottledDisk(std::string_view bytes);
  ThrottledDisk(const ThrottledDisk&) = delete;
  ThrottledDisk& operator=(const ThrottledDisk&) = delete;
  ~ThrottledDisk();

  // Empty if it works here.
  const std::string& why_not() const { return why_not_; }
  // For direct reads. -1 if it does not work.
  int fd() const { return fd_; }
  // One read in a second, the next one at once; for the whole process.
  void slow_down() { set_limit("1"); }
  void speed_up() { set_limit("0"); }

 private:
  bool make_device(std::string_view bytes);
  bool make_group();
  bool set_limit(const char* reads_in_a_second);

  std::string why_not_;
  std::string group_;
  std::string device_;  // "7:0"
  int loop_ = -1;
  int fd_ = -1;
};

}  // namespace uring::testing

#endif  // TESTS_SIM_THROTTLED_DISK_H_
