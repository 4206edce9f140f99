// bufio/testing/scripted_source.h
//
// A source that does what a test's script says: pieces, waits, errors.
//
//   Reader reader = read_source(scripted(Split::one_byte_each(text)));        // never waits
//   Reader reader = read_source(ring, scripted(ring, Script()
//                                                        .chunk("GET /")
//                                                        .stall()
//                                                        .chunk(" HTTP/1.1\r\n")
//                                                        .fail(absl::UnavailableError("reset"))));
//
// It is strict: asked again after its end or its error, it ends the process with a message.

#ifndef BUFIO_TESTING_SCRIPTED_SOURCE_H_
#define BUFIO_TESTING_SCRIPTED_SOURCE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bufio/source.h"
#include "bufio/testing/split.h"
#include "uring/ring.h"

namespace bufio::testing {

// What comes, in order. Behind the last step is the end of the stream.
class Script {
 public:
  Script() = default;
  // A chunk for each piece.
  explicit Script(const Split& split);
  // The same, with a stall in front of each piece and of the end.
  static Script stalling(const Split& split, size_t turns = 1);
  // The first `n` bytes of `text`, then `error`.
  static Script error_after(std::string_view text, size_t n, absl::Status error);

  // What one read gives. A read that has room for less takes a part of it, and the next one the
  // rest. Not empty.
  Script& chunk(std::string_view bytes);
  // So many turns of the Ring's loop pass.
  Script& stall(size_t turns = 1);
  // Nothing comes any more, not even the end.
  Script& hang();
  // The stream fails.
  Script& fail(absl::Status error);

  struct Step {
    std::string bytes;
    size_t turns = 0;
    bool hangs = false;
    absl::Status error;
  };
  const std::vector<Step>& steps() const { return steps_; }
  bool waits() const;

 private:
  std::vector<Step> steps_;
};

// For a script that waits the Ring is needed; it must be the Reader's.
std::unique_ptr<Source> scripted(const Split& split);
std::unique_ptr<Source> scripted(Script script);
std::unique_ptr<Source> scripted(uring::Ring& ring, Script script);

// Any source, made strict: asked again after its end or its error, or while it is being asked, or
// for no bytes, or when it says that it gave more than was asked for, it ends the process.
std::unique_ptr<Source> strict(std::unique_ptr<Source> source);

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_SCRIPTED_SOURCE_H_
