// bufio/parse/csv.h
//
// CSV, as RFC 4180 has it, and its cousins.
//
//   bufio::Messages<bufio::CsvParser> records(reader, bufio::CsvParser({.header = true}));
//   for (;;) {
//     std::optional<bufio::CsvRecord> record = co_await records.next();
//     if (!record) break;
//     use(record->get("name").value_or(""), (*record)[2]);
//     records.for_each_buffered(…);                        // the fast way through many
//   }
//
// Fields are views into the Reader's buffer; only one with escaped quotes in it is copied, into the
// parser. Both live until the next call on the Reader.
//
//   errors    InvalidArgument: a quote within a field that does not begin with one, anything behind
//             a closing quote, too many or too few fields. ResourceExhausted: max_fields,
//             max_record. DataLoss (parse_call.h): the stream ends within quotes.
//   a record  ends with LF or CRLF outside of quotes, or with the stream
//   cost      separators, quotes and newlines are found 64 bytes at a time (csv_index.h); no
//             allocation once the parser has seen its longest record

#ifndef BUFIO_PARSE_CSV_H_
#define BUFIO_PARSE_CSV_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bufio/parse/csv_index.h"
#include "bufio/parser.h"

namespace bufio {

// A record with another number of fields than the first one has.
//   error   InvalidArgument
//   allow   handed out as it is
//   pad     empty fields are added; too many are an error
enum class CsvRagged : uint8_t { kError, kAllow, kPad };

// Where records end: with "\n" or "\r\n", or, as on old Macs, with "\r".
enum class CsvNewline : uint8_t { kLf, kCr };

struct CsvOptions {
  char separator = ',';
  // Nothing: quotes are bytes like others, as in tab-separated files.
  std::optional<char> quote = '"';
  CsvNewline newline = CsvNewline::kLf;
  // The first record names the fields of the others, and is not handed out.
  bool header = false;
  CsvRagged ragged = CsvRagged::kError;
  // Passed over: a byte order mark (of UTF-8) in front, and lines with nothing in them.
  bool skip_byte_order_mark = true;
  bool skip_empty_lines = true;
  size_t max_fields = 4096;
  // In bytes. What the Reader may buffer (ParseOptions::max_message) is another limit.
  size_t max_record = size_t{1} << 20;
};

// What the first record calls the fields.
class CsvColumns {
 public:
  void assign(std::span<const std::string_view> names);

  std::span<const std::string> names() const { return names_; }
  // Of the first field of that name.
  std::optional<size_t> find(std::string_view name) const;

 private:
  std::vector<std::string> names_;
  std::vector<uint32_t> sorted_;  // by name
};

// Fields in the order of the file.
class CsvRecord {
 public:
  CsvRecord(std::span<const std::string_view> fields, const CsvColumns& columns, uint64_t number)
      : fields_(fields), columns_(&columns), number_(number) {}

  size_t size() const { return fields_.size(); }
  std::string_view operator[](size_t i) const { return fields_[i]; }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::span<const std::string_view> fields() const { return fields_; }
  // The field of that column, if there is one. A binary search; who has many records asks
  // CsvColumns::find once.
  std::optional<std::string_view> get(std::string_view column) const;
  const CsvColumns& columns() const { return *columns_; }
  // The first record of the file is 1, the header included; empty lines are none.
  uint64_t number() const { return number_; }

 private:
  std::span<const std::string_view> fields_;
  const CsvColumns* columns_;
  uint64_t number_;
};

class CsvParser {
 public:
  using value_type = CsvRecord;

  explicit CsvParser(CsvOptions options = {});

  ParseResult<CsvRecord> parse(std::string_view view, size_t examined, bool final);
  void accepted();

  template <class Use>
  void parse_run(std::string_view view, MessageRun& run, Use& use) {
    if (!begin_run(view)) return;
    while (next_of_run(run)) {
      CsvRecord each = record(records_);
      use(each);
    }
  }

  // Empty until the header has been read, or if there is none.
  const CsvColumns& columns() const { return columns_; }

 private:
  enum class Fields : uint8_t { kFine, kJunk, kRagged, kTooMany };

  CsvRecord record(uint64_t number) const { return {{fields_.data(), count_}, columns_, number}; }
  ParseError error(Fields what, size_t at) const;
  std::optional<ParseResult<CsvRecord>> pass_over(std::string_view view, bool final);
  ParseResult<CsvRecord> finish(std::string_view view, size_t consumed, bool escapes);
  size_t empty_lines(std::string_view view) const;

  void begin_record();
  bool add(const char* start, const char* end, bool last, bool escapes);
  Fields end_record();
  void unescape();

  bool begin_run(std::string_view view);
  bool next_of_run(MessageRun& run);
  bool end_of_record(MessageRun& run);

  // What is known of a record that is not complete.
  struct Progress {
    size_t examined = 0;
    size_t ends = 0;
    bool escapes = false;
    CsvIndex::State state;
  };
  struct Run {
    const char* view;
    const char* limit;
    const char* base;     // what ends_found_ count from
    const char* scanned;  // where the next search begins
    const char* record;   // the start of the one at hand
    const char* field;    // and of its next field
    size_t taken;
    CsvIndex::Found found;
    bool escapes;
    CsvIndex::State state;
  };

  CsvOptions options_;
  CsvIndex index_;
  int quote_;             // no char if there is none
  char newline_;          // the last byte of a record
  bool begun_ = false;    // the byte order mark is dealt with
  bool header_due_;       // the next record is the header
  size_t width_ = 0;      // fields of the first record
  uint64_t records_ = 0;  // handed out
  CsvColumns columns_;

  std::vector<std::string_view> fields_;  // of the record at hand: the first count_
  size_t count_ = 0;
  std::vector<uint32_t> escaped_;  // which of them have escaped quotes
  std::string scratch_;            // what those say

  Progress progress_;
  std::vector<size_t> ends_;  // of its fields
  Run run_;
  std::array<uint16_t, CsvIndex::kMaxEnds> found_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_CSV_H_
