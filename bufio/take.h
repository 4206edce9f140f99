// bufio/take.h
//
// The next bytes of a Reader, as a Reader.
//
//   bufio::Reader body = bufio::take_exactly(connection, length);
//   absl::Status parsed = co_await parse(body);
//   absl::StatusOr<uint64_t> left = co_await bufio::skip_rest(body);   // then `connection` stands
//                                                                     // exactly behind the body
//
// See docs/adaptors.md for what all adaptors have in common: who owns the parent, what may be done
// with it meanwhile, what closing one means.

#ifndef BUFIO_TAKE_H_
#define BUFIO_TAKE_H_

#include <cstdint>

#include "bufio/bulk_calls.h"
#include "bufio/parent_reader.h"
#include "bufio/reader.h"

namespace bufio {

// Ends after `n` bytes, or where `parent` ends if that is before.
//   parent    a Reader&, which is borrowed, or a Reader&&, which goes with this one
//   pos       is the parent's
//   cost      a fill that is satisfied: that of the parent; bytes are not copied
Reader take(ParentHandle parent, uint64_t n);

// The same, but a parent that ends before has cut the bytes off: those that are there are read,
// and behind them is an error, DataLoss.
Reader take_exactly(ParentHandle parent, uint64_t n);

// Passes over all that is left of a Reader; returns how much that was. Bytes of a file are not
// read.
inline SkipCall skip_rest(Reader& reader) { return reader.skip(UINT64_MAX); }

}  // namespace bufio

#endif  // BUFIO_TAKE_H_
