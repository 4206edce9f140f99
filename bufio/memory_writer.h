// bufio/memory_writer.h
//
// Writers to memory. They need no Ring and never suspend.

#ifndef BUFIO_MEMORY_WRITER_H_
#define BUFIO_MEMORY_WRITER_H_

#include <string>

#include "absl/strings/cord.h"
#include "bufio/writer.h"

namespace bufio {

// Appends to a string that the caller keeps while the Writer lives: at flush() and its kin, when
// the high-water mark is reached, and when the Writer is destroyed, which loses nothing here.
Writer write_to_string(std::string& into, WriterOptions options = {});

// The same for a Cord.
Writer write_to_cord(absl::Cord& into, WriterOptions options = {});

}  // namespace bufio

#endif  // BUFIO_MEMORY_WRITER_H_
