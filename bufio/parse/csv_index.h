// bufio/parse/csv_index.h
//
// Where the fields of CSV text end, found in bulk: internal to csv.h.
//
// A block of 64 bytes becomes masks of its quotes, separators and newlines. Whether a byte lies
// within quotes is the parity of the quotes in front of it, so a prefix sum (without carry) of the
// quotes' mask says it for all 64 at once (Langdale and Lemire, "Parsing Gigabytes of JSON per
// Second", 2019, section 3.1.1). An escaped quote, "", leaves and enters; that no other quote
// enters but at the start of a field is checked by the same means.

#ifndef BUFIO_PARSE_CSV_INDEX_H_
#define BUFIO_PARSE_CSV_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bufio {

// Pure but for its three characters.
class CsvIndex {
 public:
  // What the bytes in front of a place mean for those behind it.
  struct State {
    uint64_t in_quotes = 0;    // all ones within quotes
    uint64_t may_open = 1;     // 1: a quote may come here, since a field begins
    uint64_t just_closed = 0;  // 1: the last byte was a quote that closes
  };

  struct Found {
    size_t count = 0;        // ends of fields
    size_t bytes = 0;        // looked at; ends behind them are not found yet
    bool escapes = false;    // there are escaped quotes
    bool misplaced = false;  // the byte at `bytes` is a quote where none may be
  };

  static constexpr size_t kMaxBytes = 1024;
  // What `ends` must have room for: scratch is written behind them.
  static constexpr size_t kMaxEnds = kMaxBytes + 128;

  // `quote`: none, if it is no char.
  CsvIndex(char separator, int quote, char newline)
      : separator_(separator), newline_(newline), quote_(quote) {}

  // Writes the offsets of the separators and newlines outside of quotes in the first kMaxBytes of
  // `bytes`, rising, and takes `state` from their start to where it stopped. Reads nothing beside
  // them. Any state may be gone on from.
  Found find(std::string_view bytes, State& state, uint16_t* ends) const;

 private:
  // Masks of up to kMaxBytes, and of what follows from them.
  struct Blocks;
  void find_masks(std::string_view bytes, Blocks& blocks) const;

  char separator_;
  char newline_;
  int quote_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_CSV_INDEX_H_
