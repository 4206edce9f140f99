// tests/simulate/descriptor_watch.h
//
// Sees every close(2) of the process.
//
// A descriptor that is closed twice takes somebody else's file away, and one that is never closed
// is lost; neither shows by itself. Linking this in puts a close() in front of the system's one
// (the dynamic linker and the static one both take the program's own first), which keeps count.
//
// Not thread-safe.

#ifndef TESTS_SIMULATE_DESCRIPTOR_WATCH_H_
#define TESTS_SIMULATE_DESCRIPTOR_WATCH_H_

#include <cstddef>
#include <string>
#include <vector>

namespace bufio::simulate {

// At most one at a time.
class DescriptorWatch {
 public:
  DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;
  // Closes what is left, so that one run's leak is not the next one's lack.
  ~DescriptorWatch();

  // `fd` is open, and is to be closed exactly once. Returns it.
  int expect_close(int fd);
  // `fd` will not be closed by those who are watched, who gave it back.
  void forget(int fd);

  // How many are still to be closed.
  size_t open() const { return open_.size(); }
  // Descriptors that were closed though they were not open: the second close of one, mostly.
  size_t wrong_closes() const { return wrong_closes_; }
  std::string list() const;

 private:
  friend int closing(int fd);

  std::vector<int> open_;
  size_t wrong_closes_ = 0;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_DESCRIPTOR_WATCH_H_
