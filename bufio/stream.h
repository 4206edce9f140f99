// bufio/stream.h
//
// A connected socket as a Reader and a Writer.
//
//   bufio::Stream stream = bufio::open_stream(socket);
//   absl::StatusOr<bufio::Token> line = co_await stream.reader.read_line();
//   … co_await stream.writer.write("hello\n");
//
// The halves are independent: each has buffers and requests of its own, so a read that is pending
// for ever never blocks a write, nor the other way around, and either may be moved away or
// destroyed while the other goes on. What they share is the descriptor, which is closed when both
// are gone and the last request that names it is done.
//
//   buffers      the Reader receives into the Ring's shared pool; a silent peer has nothing of it.
//                The first Stream makes the pool (RingOptions::receive_pool).
//                ReaderOptions::shared_pool = false gives the Reader buffers of its own
//   half close   Writer::shutdown shows the peer the end of what we say; the Reader reads on.
//                Writer::close does the same while there is a Reader, and closes once there is none
//   release      gives a half's share in the descriptor away; the other half goes on
//   cost         two allocations and two system calls (what kind of descriptor it is, asked twice)
//   cancel       as for any Reader and Writer: a call that is destroyed loses no byte
//
// Belongs to its Ring's thread.

#ifndef BUFIO_STREAM_H_
#define BUFIO_STREAM_H_

#include <utility>

#include "bufio/reader.h"
#include "bufio/reader_options.h"
#include "bufio/writer.h"
#include "bufio/writer_options.h"
#include "uring/socket.h"

namespace bufio {

struct Stream {
  Stream(Reader in, Writer out) : reader(std::move(in)), writer(std::move(out)) {}

  Reader reader;
  Writer writer;
};

// Each half takes a share in the socket; `socket` itself may go.
Stream open_stream(const uring::Socket& socket, ReaderOptions reader_options = {},
                   WriterOptions writer_options = {});

}  // namespace bufio

#endif  // BUFIO_STREAM_H_
