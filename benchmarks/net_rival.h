// benchmarks/net_rival.h
//
// What the hand-written servers have in common.
//
//   NAME echo|lines CONNECTIONS BUFFER     is how each is started
//
// It prints "listening on 127.0.0.1:PORT", accepts so many connections, and then serves them, and
// no others, until it is killed. BUFFER is the size that its author would choose for the case.

#ifndef BENCHMARKS_NET_RIVAL_H_
#define BENCHMARKS_NET_RIVAL_H_

#include <cstddef>
#include <cstring>
#include <vector>

namespace bench {

struct RivalOptions {
  bool lines = false;  // answer each line with "+" and the line; else echo
  size_t connections = 1;
  size_t buffer = 4096;
};

// Of main's arguments from argv[first] on.
RivalOptions rival_options(int argc, char** argv, int first);

// Listens, says so, and accepts them all; without Nagle's delay.
std::vector<int> accept_rivals_connections(size_t count);

// At most what it is for the shortest lines: nothing but newlines.
constexpr size_t answer_bound(size_t request) { return 2 * request; }

// Answers every whole line of `in`, at `out`; returns how many bytes of `in` these were, and adds
// to `written`.
inline size_t answer_lines(const char* in, size_t size, char* out, size_t& written) {
  const char* at = in;
  const char* const end = in + size;
  char* to = out;
  for (;;) {
    const void* newline = std::memchr(at, '\n', static_cast<size_t>(end - at));
    if (newline == nullptr) break;
    const auto length = static_cast<size_t>(static_cast<const char*>(newline) + 1 - at);
    *to++ = '+';
    std::memcpy(to, at, length);
    to += length;
    at += length;
  }
  written += static_cast<size_t>(to - out);
  return static_cast<size_t>(at - in);
}

}  // namespace bench

#endif  // BENCHMARKS_NET_RIVAL_H_
