// tests/simulate/reader_oracle.h
//
// What a Reader must answer, by the text that its source holds. No I/O, no state.
//
// Each function compares one answer with the text and says in words what is wrong, or nothing.
// Answers that something else explains (an interrupt, a deadline, an error of the source, a Ring
// that was destroyed) are not shown to them.

#ifndef TESTS_SIMULATE_READER_ORACLE_H_
#define TESTS_SIMULATE_READER_ORACLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/reader.h"

namespace bufio::simulate {

// Where a call began and where the Reader stands after it.
struct Situation {
  std::string_view text;
  uint64_t pos = 0;        // of the cursor when the call began
  uint64_t pos_after = 0;  // and now
  size_t limit = 0;        // of unconsumed bytes
  bool ended = false;      // the Reader has seen the end

  std::string_view rest() const {
    return text.substr(static_cast<size_t>(pos < text.size() ? pos : text.size()));
  }
};

// `wanted`: the least that the view may hold, at least 1.
std::string compare_fill(const absl::StatusOr<std::string_view>& view, size_t wanted,
                         const Situation& at);
std::string compare_require(const absl::StatusOr<std::string_view>& view, size_t n,
                            const Situation& at);
std::string compare_token(const absl::StatusOr<Token>& token, std::string_view delimiter,
                          const ReadUntilOptions& options, const Situation& at);
std::string compare_line(const absl::StatusOr<Token>& line, const LineOptions& options,
                         const Situation& at);
// A line out of for_each_buffered, which takes only whole ones. Moves `at.pos` behind it.
std::string compare_buffered_line(std::string_view line, const LineOptions& options, Situation& at);
std::string compare_read_exact(const absl::Status& status, std::string_view into,
                               const Situation& at);
std::string compare_read_to_end(const absl::StatusOr<std::string>& all, size_t limit,
                                const Situation& at);
std::string compare_skip(const absl::StatusOr<uint64_t>& passed, uint64_t n, const Situation& at);

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_READER_ORACLE_H_
