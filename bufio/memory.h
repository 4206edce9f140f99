// bufio/memory.h
//
// Readers over memory. They need no Ring and never suspend.

#ifndef BUFIO_MEMORY_H_
#define BUFIO_MEMORY_H_

#include <string>
#include <string_view>

#include "absl/strings/cord.h"
#include "bufio/reader.h"

namespace bufio {

// Over memory that the caller keeps, unchanged, while the Reader lives. No copy. Views have no
// padding behind them: padded() is false.
Reader read_view(std::string_view text, ReaderOptions options = {});

// Over a string of the Reader's own. Padding is appended, so a string without room to spare is
// copied once.
Reader read_string(std::string text, ReaderOptions options = {});

// Over a Cord, which is shared, not copied; its pieces are copied into the Reader's buffer as they
// are needed, so memory stays bounded.
Reader read_cord(absl::Cord text, ReaderOptions options = {});

}  // namespace bufio

#endif  // BUFIO_MEMORY_H_
