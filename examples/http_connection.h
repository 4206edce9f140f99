// examples/http_connection.h
//
// One HTTP/1.1 connection: requests in, answers out, in order, until either side has enough.
//
// GET and HEAD of files, keep-alive, pipelining, single ranges, conditional requests. A small file
// is copied into the Writer, which sends the answers of a turn together; a large one the Writer
// reads itself, part by part.
//
//   patience   a head must be complete Limits::head_timeout after its first byte (408), a new one
//              begin within idle_timeout, and the peer take each MiB in write_timeout
//   memory     Limits::max_head for a head (431, 414), what the Reader's and the Writer's options
//              allow, and one part of a file
//   stop       server::Sessions: a request whose head has begun to come is answered, and its answer
//              says that it is the last one
//   the end    our half is closed, then the peer's last bytes are passed over for a moment, for
//              closing on unread bytes would make the system take back what was sent last

#ifndef EXAMPLES_HTTP_CONNECTION_H_
#define EXAMPLES_HTTP_CONNECTION_H_

#include "bufio/stream.h"
#include "examples/http_site.h"
#include "examples/server.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace http {

// `site` outlives it.
uring::Task<void> serve(uring::Ring& ring, bufio::Stream stream, server::Sessions& sessions,
                        Site& site);

}  // namespace http

#endif  // EXAMPLES_HTTP_CONNECTION_H_
