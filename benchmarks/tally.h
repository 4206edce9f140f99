// benchmarks/tally.h
//
// What the contestants do with the bytes. All of them count and split with this code, unless
// another way to split is the very thing they stand for (getline(3), std::getline, memchr).
//
// A sink is fed views that follow each other. take(view) says how many bytes it is done with; the
// rest of the view comes again at the front of the next one. finish(rest) gets what was left when
// the source ended. result() is the same for every contestant that delivered the same bytes, so it
// proves that none of them skipped work.

#ifndef BENCHMARKS_TALLY_H_
#define BENCHMARKS_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bufio/delimiter_index.h"
#include "bufio/scan.h"

namespace bench {

// What a pass over a file found.
struct Tally {
  uint64_t lines = 0;
  uint64_t bytes = 0;

  friend bool operator==(const Tally&, const Tally&) = default;
};

// Newlines, and all bytes.
class NewlineCount {
 public:
  size_t take(std::string_view view) {
    tally_.lines += bufio::count_byte(view, '\n');
    tally_.bytes += view.size();
    return view.size();
  }
  void finish(std::string_view rest) { take(rest); }
  Tally result() const { return tally_; }

 private:
  Tally tally_;
};

// Lines, the last one with or without a newline, and the sum of their lengths without newlines.
class LineLengths {
 public:
  size_t take(std::string_view view) {
    bufio::DelimiterIndex newlines(view.data(), view.data() + view.size(), '\n');
    const char* line = view.data();
    while (const char* newline = newlines.next()) {
      add(std::string_view(line, static_cast<size_t>(newline - line)));
      line = newline + 1;
    }
    return static_cast<size_t>(line - view.data());
  }
  void finish(std::string_view rest) {
    if (!rest.empty()) add(rest);
  }
  void add(std::string_view line) {
    ++tally_.lines;
    tally_.bytes += line.size();
  }
  Tally result() const { return tally_; }

 private:
  Tally tally_;
};

// Looks at nothing: what delivering the bytes costs by itself.
class Discard {
 public:
  size_t take(std::string_view view) {
    bytes_ += view.size();
    return view.size();
  }
  void finish(std::string_view rest) { take(rest); }
  Tally result() const { return {0, bytes_}; }

 private:
  uint64_t bytes_ = 0;
};

}  // namespace bench

#endif  // BENCHMARKS_TALLY_H_
