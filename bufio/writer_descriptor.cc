#include "bufio/writer_descriptor.h"

#include <unistd.h>

#include <utility>

#include "bufio/descriptor_sink.h"

namespace bufio {

using uring::Descriptor;

Writer adopt_fd_for_writing(uring::Ring& ring, int fd, WriterOptions options) {
  return write_descriptor(ring, uring::make_ref<Descriptor>(fd), std::move(options));
}

Writer borrow_fd_for_writing(uring::Ring& ring, int fd, WriterOptions options) {
  return write_descriptor(ring, uring::make_ref<Descriptor>(fd, Descriptor::Ownership::kBorrowed),
                          std::move(options));
}

Writer standard_output(uring::Ring& ring, WriterOptions options) {
  return write_descriptor(ring,
                          uring::make_ref<Descriptor>(
                              STDOUT_FILENO, Descriptor::Ownership::kBorrowed, "standard output"),
                          std::move(options));
}

Writer standard_error(uring::Ring& ring, WriterOptions options) {
  return write_descriptor(ring,
                          uring::make_ref<Descriptor>(
                              STDERR_FILENO, Descriptor::Ownership::kBorrowed, "standard error"),
                          std::move(options));
}

Writer write_descriptor(uring::Ring& ring, uring::Ref<Descriptor> descriptor,
                        WriterOptions options) {
  return Writer(uring::make_ref<DescriptorSink>(uring::Ref<uring::RingCore>(&ring.core()),
                                                std::move(descriptor), std::move(options)));
}

}  // namespace bufio
