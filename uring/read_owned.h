// uring/read_owned.h
//
// Reads into a buffer that the call owns until it is over.
//
//   auto [result, buffer] = co_await uring::read_owned(file, std::move(buffer), 0);
//
// The kernel writes into memory long after a caller may have lost interest in it. Here that memory
// belongs to the request, from the call until its terminal completion, and comes back with the
// result, whatever that is. Cost, cancelling, destruction: owned_transfer.h. Buffers, and what
// becomes of their size: owned_buffer.h. A part of a buffer: slice.h.
//
//   OK                  the bytes read, at the buffer's start; 0 is the end of the file
//   a kernel error      with errno kept; EINTR, EAGAIN (and short reads, where n bytes are asked
//                       for) are absorbed
//   Cancelled           the call was cancelled, and nothing was read (of n bytes: not all)
//   InvalidArgument     the buffer has no memory, or not enough for n bytes
//   FailedPrecondition  the Ring was destroyed
//
// A stream that is read by several calls at once, or whose waiting calls are destroyed (a timeout,
// say), loses order or bytes: cancel() loses none, and neither does bufio::Reader.

#ifndef URING_READ_OWNED_H_
#define URING_READ_OWNED_H_

#include <cstddef>
#include <stop_token>
#include <utility>
#include <vector>

#include "uring/file.h"
#include "uring/owned_buffer.h"
#include "uring/owned_transfer.h"

namespace uring {

// Reads once: from one byte to as many as the buffer has memory for.
template <OwnedBuffer B>
BufferCall<B> read_owned(const File& file, B buffer, FileOffset offset = kCurrentPosition,
                         std::stop_token stop = {}) {
  return BufferCall<B>(file,
                       {.way = Transfer::Way::kRead, .offset = offset, .stop = std::move(stop)},
                       std::move(buffer));
}

// Reads exactly `n` bytes, which the buffer must have memory for.
//
//   OutOfRange   the file ended before the first of them
//   DataLoss     it ended before the last; the bytes that there were are in the buffer
template <OwnedBuffer B>
BufferExactCall<B> read_exact_owned(const File& file, B buffer, size_t n,
                                    FileOffset offset = kCurrentPosition,
                                    std::stop_token stop = {}) {
  return BufferExactCall<B>(file,
                            {.way = Transfer::Way::kRead,
                             .offset = offset,
                             .whole = true,
                             .length = n,
                             .stop = std::move(stop)},
                            std::move(buffer));
}

// The same with several buffers, each filled to its capacity before the next. At most 1024 of them
// with memory are filled by one read.
template <OwnedBuffer B>
BuffersCall<B> readv_owned(const File& file, std::vector<B> buffers,
                           FileOffset offset = kCurrentPosition, std::stop_token stop = {}) {
  return BuffersCall<B>(file,
                        {.way = Transfer::Way::kRead, .offset = offset, .stop = std::move(stop)},
                        std::move(buffers));
}
template <OwnedBuffer B>
BuffersExactCall<B> readv_exact_owned(const File& file, std::vector<B> buffers, size_t n,
                                      FileOffset offset = kCurrentPosition,
                                      std::stop_token stop = {}) {
  return BuffersExactCall<B>(file,
                             {.way = Transfer::Way::kRead,
                              .offset = offset,
                              .whole = true,
                              .length = n,
                              .stop = std::move(stop)},
                             std::move(buffers));
}

}  // namespace uring

#endif  // URING_READ_OWNED_H_
