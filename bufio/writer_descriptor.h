// bufio/writer_descriptor.h
//
// Writers to descriptors: files, pipes, FIFOs, terminals, sockets, whatever can be written to.
//
// How a descriptor is written to follows from what it is: sockets by send, everything else by
// write, at the descriptor's own position (the end, if it was opened with O_APPEND), or at offsets
// that the Writer counts if WriterOptions::offset says where to begin.

#ifndef BUFIO_WRITER_DESCRIPTOR_H_
#define BUFIO_WRITER_DESCRIPTOR_H_

#include "bufio/writer.h"
#include "bufio/writer_options.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"

namespace bufio {

// Takes `fd` over: it is closed when the Writer is gone and the last request that names it is done.
// A descriptor that cannot be written to shows in the first write. One system call.
Writer adopt_fd_for_writing(uring::Ring& ring, int fd, WriterOptions options = {});

// The same, and never closes `fd`, which must stay open until the Writer is gone and its requests
// are done: close() and release() wait for that, and destroying the Ring does.
Writer borrow_fd_for_writing(uring::Ring& ring, int fd, WriterOptions options = {});

// Standard output and standard error, borrowed.
Writer standard_output(uring::Ring& ring, WriterOptions options = {});
Writer standard_error(uring::Ring& ring, WriterOptions options = {});

// For those who have a share already: the other half of a socket, say, whose first half a Reader
// has. Neither waits for the other.
Writer write_descriptor(uring::Ring& ring, uring::Ref<uring::Descriptor> descriptor,
                        WriterOptions options = {});

}  // namespace bufio

#endif  // BUFIO_WRITER_DESCRIPTOR_H_
