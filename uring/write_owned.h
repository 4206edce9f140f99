// uring/write_owned.h
//
// Writes a buffer that the call owns until it is over.
//
//   auto [result, buffer] = co_await uring::write_owned(file, std::move(buffer), 0);
//
// The kernel reads the memory until the terminal completion, so until then nobody may change it:
// it belongs to the request, and comes back with the result, whatever that is. Cost, cancelling,
// destruction: owned_transfer.h. All size() bytes of a buffer are written; a part: slice.h.
//
//   OK                  how many bytes were written; of no bytes 0, without a request
//   a kernel error      with errno kept; EINTR, EAGAIN (and short writes, in write_all) are
//   absorbed Cancelled           the call was cancelled, and nothing was written (in write_all: not
//   all) FailedPrecondition  the Ring was destroyed
//
// Nobody reads the other end: EPIPE, and on sockets never a SIGPIPE. On pipes neither, since Linux
// 6.18; before, a write to a pipe raises it, as write(2) does: programs that write to pipes ignore
// it. (There, a process's first write takes two requests.)

#ifndef URING_WRITE_OWNED_H_
#define URING_WRITE_OWNED_H_

#include <stop_token>
#include <utility>
#include <vector>

#include "uring/file.h"
#include "uring/owned_buffer.h"
#include "uring/owned_transfer.h"

namespace uring {

// Writes once, as many bytes as are taken.
template <OwnedBuffer B>
BufferCall<B> write_owned(const File& file, B buffer, FileOffset offset = kCurrentPosition,
                          std::stop_token stop = {}) {
  return BufferCall<B>(file,
                       {.way = Transfer::Way::kWrite, .offset = offset, .stop = std::move(stop)},
                       std::move(buffer));
}

// Writes all bytes. If it is cancelled, or fails, `transferred` says how many were written.
template <OwnedBuffer B>
BufferExactCall<B> write_all_owned(const File& file, B buffer, FileOffset offset = kCurrentPosition,
                                   std::stop_token stop = {}) {
  return BufferExactCall<B>(
      file,
      {.way = Transfer::Way::kWrite, .offset = offset, .whole = true, .stop = std::move(stop)},
      std::move(buffer));
}

// The same with several buffers, in order. One write takes at most 1024 of them.
template <OwnedBuffer B>
BuffersCall<B> writev_owned(const File& file, std::vector<B> buffers,
                            FileOffset offset = kCurrentPosition, std::stop_token stop = {}) {
  return BuffersCall<B>(file,
                        {.way = Transfer::Way::kWrite, .offset = offset, .stop = std::move(stop)},
                        std::move(buffers));
}
template <OwnedBuffer B>
BuffersExactCall<B> writev_all_owned(const File& file, std::vector<B> buffers,
                                     FileOffset offset = kCurrentPosition,
                                     std::stop_token stop = {}) {
  return BuffersExactCall<B>(
      file,
      {.way = Transfer::Way::kWrite, .offset = offset, .whole = true, .stop = std::move(stop)},
      std::move(buffers));
}

}  // namespace uring

#endif  // URING_WRITE_OWNED_H_
