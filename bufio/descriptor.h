// bufio/descriptor.h
//
// Readers over descriptors: pipes, FIFOs, terminals, sockets, eventfds, files, /proc, whatever can
// be read.
//
// How a descriptor is read follows from what it is, never from its size: regular files and block
// devices at offsets, so that they can be read ahead, sought and skipped; sockets by recv;
// everything else (/proc included) as a stream.

#ifndef BUFIO_DESCRIPTOR_H_
#define BUFIO_DESCRIPTOR_H_

#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/ring_core.h"

namespace bufio {

// Takes `fd` over: it is closed when the Reader is gone and the last request that names it is done.
// A file is read from its present offset. A descriptor that cannot be read shows in the first
// fill-class call. A few system calls.
Reader adopt_fd(uring::Ring& ring, int fd, ReaderOptions options = {});

// The same, and never closes `fd`, which must stay open until the Reader is gone and its requests
// are done: close() and release() wait for that, and destroying the Ring does.
Reader borrow_fd(uring::Ring& ring, int fd, ReaderOptions options = {});

// Standard input, borrowed.
Reader standard_input(uring::Ring& ring, ReaderOptions options = {});

// For those who have a share already.
Reader read_descriptor(uring::Ring& ring, uring::Ref<uring::Descriptor> descriptor,
                       ReaderOptions options = {});
Reader read_descriptor(uring::Ref<uring::RingCore> ring, uring::Ref<uring::Descriptor> descriptor,
                       ReaderOptions options = {});

}  // namespace bufio

#endif  // BUFIO_DESCRIPTOR_H_
