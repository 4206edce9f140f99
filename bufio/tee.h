// bufio/tee.h
//
// What is consumed from a Reader, somewhere else as well: a copy of what came, a checksum.
//
//   uint32_t sum = 0;
//   bufio::Reader body = bufio::tee(connection, [&](std::string_view bytes) { sum = crc(sum,
//   bytes); }); absl::Status parsed = co_await parse(body); absl::Status closed = co_await
//   body.close();   // now `sum` is that of all that was consumed
//
// The sink gets exactly the bytes that are consumed, once, and in their order, whatever is
// cancelled or put back. consume() itself calls nobody, so it gets them late: when a call has to
// read, and when the Reader is closed or destroyed.

#ifndef BUFIO_TEE_H_
#define BUFIO_TEE_H_

#include <functional>
#include <string_view>

#include "bufio/parent_reader.h"
#include "bufio/reader.h"
#include "bufio/writer.h"

namespace bufio {

// Called for consecutive pieces. Must not use the Readers or destroy them.
using TeeSink = std::function<void(std::string_view)>;

//   parent    a Reader&, which is borrowed, or a Reader&&, which goes with this one
//   pos       is the parent's
//   read_exact of more than max_buffer_size consumes as it goes. One that is cancelled or fails
//             puts its bytes back; they are not given to the sink again
//   cost      a fill that is satisfied: that of the parent
Reader tee(ParentHandle parent, TeeSink sink);

// Into a Writer, which accepts them; flushing it is left to its owner. A call that has to read
// waits first until the Writer has room, so that it holds no more than its high-water mark and one
// window. Large pieces are shared, not copied. The Writer's error, when it has one, is the Reader's
// then; bytes that are consumed behind it go nowhere. A Writer on which another call waits makes a
// call that has to wait for room FailedPrecondition. It may be moved, and destroyed, which is an
// error like others.
Reader tee(ParentHandle parent, Writer& sink);

}  // namespace bufio

#endif  // BUFIO_TEE_H_
