// benchmarks/net_script.h
//
// What a connection asks, over and over, and what it must be answered.
//
//   echo     messages of one size; the answer is the message
//   lines    lines of 20 to 200 bytes, the newline included; the answer is "+" and the line

#ifndef BENCHMARKS_NET_SCRIPT_H_
#define BENCHMARKS_NET_SCRIPT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

// One side of the conversation: one round of messages, twice, so that whatever begins in the first
// round and is no longer than one is contiguous.
struct Lyrics {
  std::string bytes;
  std::vector<uint32_t> ends;  // of each message of the first round

  size_t round() const { return bytes.size() / 2; }
  // Takes a message; all of them come before finish().
  void add(const std::string& message);
  void finish() { bytes += bytes; }
};

struct Script {
  Lyrics requests;
  Lyrics answers;  // as many
};

// `outstanding` messages are less than a round.
Script echo_script(size_t size, size_t outstanding);
Script lines_script(size_t outstanding);

}  // namespace bench

#endif  // BENCHMARKS_NET_SCRIPT_H_
