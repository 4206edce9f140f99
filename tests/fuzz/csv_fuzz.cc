// CSV: the same however it comes, and what a parser that looks at one byte after the other finds.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "absl/status/status.h"
#include "bufio/parse/csv.h"
#include "bufio/parse_memory.h"
#include "bufio/testing/fuzz_parser.h"
#include "tests/parse/plain_csv.h"

namespace bufio {
namespace {

void compare(const testing::FuzzInput& input, const CsvOptions& options) {
  const testing::PlainCsv expected = testing::plain_csv(input.bytes, options);
  testing::PlainCsv actual;
  CsvParser parser(options);
  actual.status = parse_memory(input.bytes, parser, [&actual](const CsvRecord& record) {
    actual.records.emplace_back(record.begin(), record.end());
  });
  // A record that is cut off within quotes is not looked at for what else is wrong with it.
  const bool cut_off = absl::IsDataLoss(actual.status) && !expected.status.ok();
  const bool same_end = cut_off || actual.status.code() == expected.status.code();
  if (actual.records == expected.records && same_end) return;
  std::fprintf(stderr, "%zu records instead of %zu, %s\n", actual.records.size(),
               expected.records.size(), actual.status.ToString().c_str());
  std::abort();
}

}  // namespace
}  // namespace bufio

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bufio::testing::FuzzInput input(data, size);
  bufio::CsvOptions options;
  options.ragged = (input.options & 1) != 0 ? bufio::CsvRagged::kAllow : bufio::CsvRagged::kError;
  options.skip_empty_lines = (input.options & 2) != 0;
  bufio::compare(input, options);
  if ((input.options & 4) != 0) options.ragged = bufio::CsvRagged::kPad;
  options.header = (input.options & 8) != 0;
  if ((input.options & 16) != 0) options.quote = std::nullopt;
  if ((input.options & 32) != 0) options.newline = bufio::CsvNewline::kCr;
  if ((input.options & 64) != 0) options.max_fields = 5;
  if ((input.options & 128) != 0) options.max_record = 100;
  bufio::testing::fuzz_parser(bufio::CsvParser(options), input, bufio::testing::print_record);
  return 0;
}
