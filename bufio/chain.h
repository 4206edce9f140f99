// bufio/chain.h
//
// Several Readers as one, each where the one before it ends.
//
//   bufio::Reader log = bufio::chain(std::move(older), std::move(newer));

#ifndef BUFIO_CHAIN_H_
#define BUFIO_CHAIN_H_

#include <concepts>
#include <utility>
#include <vector>

#include "bufio/reader.h"

namespace bufio {

// Owns its parts, and lets go of each at its end. All that have a Ring have the same one.
//   pos       counts from 0, through all parts
//   errors    that of a part is that of the whole: nothing behind it is read
//   limits    max_buffer_size is the first part's
//   close     closes the part that it is at; the others are dropped
//   cost      a fill that is satisfied: that of the part. A token that begins in one part and ends
//             in another is copied, with some of what is behind it; nothing else is
Reader chain(std::vector<Reader> parts);

template <std::same_as<Reader>... Parts>
requires(sizeof...(Parts) > 0) Reader chain(Parts... parts) {
  std::vector<Reader> all;
  all.reserve(sizeof...(Parts));
  (all.push_back(std::move(parts)), ...);
  return chain(std::move(all));
}

}  // namespace bufio

#endif  // BUFIO_CHAIN_H_
