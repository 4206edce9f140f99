// tests/parse/plain_csv.h
//
// CSV, read one byte after the other, to compare the parser with; and text to compare them on.

#ifndef TESTS_PARSE_PLAIN_CSV_H_
#define TESTS_PARSE_PLAIN_CSV_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "bufio/parse/csv.h"
#include "uring/testing/choices.h"

namespace bufio::testing {

struct PlainCsv {
  std::vector<std::vector<std::string>> records;
  absl::Status status;  // its code
};

// With commas, quotes and LF or CRLF, no header and no limit.
inline PlainCsv plain_csv(std::string_view text, const CsvOptions& options) {
  PlainCsv all;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    std::vector<std::string> record;
    const size_t start = at;
    for (bool more = true; more;) {
      std::string field;
      const bool quoted = at < text.size() && text[at] == '"';
      if (quoted) {
        ++at;
        for (;; ++at) {
          if (at == text.size()) {
            all.status = absl::DataLossError("");
            return all;
          }
          if (text[at] == '"' && text.substr(at, 2) != "\"\"") break;
          if (text[at] == '"') ++at;
          field += text[at];
        }
        ++at;
      }
      std::string rest;
      while (at < text.size() && text[at] != ',' && text[at] != '\n') rest += text[at++];
      more = at < text.size() && text[at] == ',';
      if (!more && !rest.empty() && rest.back() == '\r') rest.pop_back();
      if ((quoted && !rest.empty()) || rest.find('"') != std::string::npos) {
        all.status = absl::InvalidArgumentError("");
        return all;
      }
      record.push_back(field + rest);
      if (at < text.size()) ++at;
    }
    const std::string_view line = text.substr(start, at - start);
    if (options.skip_empty_lines && (line == "\n" || line == "\r\n" || line == "\r")) continue;
    if (width == 0) width = record.size();
    if (record.size() != width && options.ragged == CsvRagged::kError) {
      all.status = absl::InvalidArgumentError("");
      return all;
    }
    all.records.push_back(std::move(record));
  }
  return all;
}

// About `size` bytes, mostly well-formed.
inline std::string csv_text(uring::testing::Choices& choices, size_t size) {
  std::string text;
  const uint32_t width = 1 + choices.below(4);
  const bool tidy = choices.one_in(2);
  while (text.size() < size) {
    for (uint32_t i = 0; i < width; ++i) {
      if (i > 0) text += ',';
      const bool quoted = choices.one_in(3);
      if (quoted) text += '"';
      for (uint32_t n = choices.below(choices.one_in(8) ? 90 : 8); n > 0; --n) {
        text += quoted && choices.one_in(6) ? "\n,\r\"x"[choices.below(5)] : 'a';
        if (quoted && text.back() == '"') text += '"';
      }
      if (quoted) text += '"';
      if (!tidy && choices.one_in(100)) text += "\",\n\r x"[choices.below(6)];
    }
    text += choices.one_in(3) ? "\r\n" : "\n";
    if (choices.one_in(10)) text += "\n";
  }
  if (choices.one_in(3)) text.resize(text.size() - 1 - choices.below(5) % text.size());
  return text;
}

inline std::string print_record(const CsvRecord& record) {
  std::string text;
  for (std::string_view field : record) {
    text += '[';
    text += field;
    text += ']';
  }
  return text;
}

}  // namespace bufio::testing

#endif  // TESTS_PARSE_PLAIN_CSV_H_
