#include "bufio/descriptor.h"

#include <unistd.h>

#include <utility>

#include "bufio/descriptor_source.h"

namespace bufio {

using uring::Descriptor;

Reader adopt_fd(uring::Ring& ring, int fd, ReaderOptions options) {
  return read_descriptor(ring, uring::make_ref<Descriptor>(fd), options);
}

Reader borrow_fd(uring::Ring& ring, int fd, ReaderOptions options) {
  return read_descriptor(ring, uring::make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed),
                         options);
}

Reader standard_input(uring::Ring& ring, ReaderOptions options) {
  return read_descriptor(
      ring,
      uring::make_ref<Descriptor>(STDIN_FILENO, Descriptor::Ownership::kBorrowed, "standard input"),
      options);
}

Reader read_descriptor(uring::Ring& ring, uring::Ref<Descriptor> descriptor,
                       ReaderOptions options) {
  return Reader(uring::make_ref<DescriptorSource>(uring::Ref<uring::RingCore>(&ring.core()),
                                                  std::move(descriptor), options));
}

}  // namespace bufio
