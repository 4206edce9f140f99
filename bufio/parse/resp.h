// bufio/parse/resp.h
//
// Redis' protocol, RESP2 and RESP3: values, as servers send them, and requests, as clients do.
//
//   bufio::Messages<bufio::RespParser> replies(reader);
//   auto reply = co_await replies.next();                  // optional<RespValue>
//   for (bufio::RespValue element : *reply) use(element.text());
//
//   bufio::Messages<bufio::RespRequestParser> requests(reader);
//   auto request = co_await requests.next();               // optional<span<const string_view>>
//
// A value is a tree, laid out flat in the parser; its texts are views into the Reader's buffer.
// Both live until the next call on the Reader. A value that comes in many pieces is gone on with
// where it stopped. No allocation once the parser has seen its largest value.
//
//   errors   InvalidArgument: what is not RESP, streamed aggregates ("$?", "*?") included.
//            ResourceExhausted: a limit.
//
// The Reader must be allowed to buffer a whole value (ReaderOptions::max_buffer_size, 1 MiB).

#ifndef BUFIO_PARSE_RESP_H_
#define BUFIO_PARSE_RESP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bufio/parser.h"

namespace bufio {

struct RespOptions {
  size_t max_bulk = size_t{512} << 20;    // bytes of one string
  size_t max_elements = size_t{1} << 20;  // of a value, those of its elements included
  size_t max_depth = 32;                  // of aggregates in each other
  size_t max_line = size_t{64} << 10;     // of everything that is one line
};

enum class RespType : uint8_t {
  kNull,       // "_", and the null string and array of RESP2
  kSimple,     // "+"
  kError,      // "-"
  kInteger,    // ":"
  kBulk,       // "$"
  kArray,      // "*"
  kBoolean,    // "#"
  kDouble,     // ","
  kBigNumber,  // "("
  kBulkError,  // "!"
  kVerbatim,   // "=", text() without the format, which is "txt" or "mkd"
  kMap,        // "%", keys and values in turn
  kSet,        // "~"
  kPush,       // ">"
  kAttribute,  // "|", as kMap; says something of the value behind it and is a value of its own
};

namespace internal {

struct RespNode {
  RespType type;
  size_t offset = 0;  // of its text in the message
  size_t size = 0;    // of its text in bytes, or its elements
  size_t nodes = 1;   // of it and all below it
  int64_t integer = 0;
  double number = 0;
};

}  // namespace internal

class RespValue {
 public:
  RespValue(std::string_view message, const internal::RespNode* node)
      : message_(message), node_(node) {}

  RespType type() const { return node_->type; }
  bool is_null() const { return type() == RespType::kNull; }
  bool is_error() const { return type() == RespType::kError || type() == RespType::kBulkError; }
  // Of strings, errors, and all that is a line: the digits of a number, too.
  std::string_view text() const {
    return is_aggregate() ? std::string_view() : message_.substr(node_->offset, node_->size);
  }
  int64_t integer() const { return node_->integer; }  // of kInteger; of kBoolean 0 or 1
  double number() const { return node_->number; }     // of kDouble
  std::string_view format() const { return message_.substr(node_->offset - 4, 3); }  // of kVerbatim

  // Of aggregates: how many elements there are; two for each pair of a map. An attribute among
  // them is not counted, but walked.
  bool is_aggregate() const { return type() == RespType::kArray || type() >= RespType::kMap; }
  size_t size() const { return is_aggregate() ? node_->size : 0; }

  class Iterator {
   public:
    using value_type = RespValue;
    using difference_type = ptrdiff_t;
    Iterator() = default;
    Iterator(std::string_view message, const internal::RespNode* node)
        : message_(message), node_(node) {}
    RespValue operator*() const { return {message_, node_}; }
    Iterator& operator++() {
      node_ += node_->nodes;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.node_ == b.node_; }

   private:
    std::string_view message_;
    const internal::RespNode* node_ = nullptr;
  };
  Iterator begin() const { return {message_, node_ + 1}; }
  Iterator end() const { return {message_, node_ + node_->nodes}; }

 private:
  std::string_view message_;
  const internal::RespNode* node_;
};

class RespParser {
 public:
  using value_type = RespValue;

  explicit RespParser(RespOptions options = {}) : options_(options) {}

  ParseResult<RespValue> parse(std::string_view view, size_t examined, bool final);

 private:
  friend class RespRequestParser;

  struct Open {
    size_t node;
    size_t left;  // elements that are still to come
  };
  // What became of one item: fine, more bytes needed, or an error.
  enum class Step : uint8_t { kFine, kMore, kError };

  Step read_item(std::string_view view);
  Step read_line(std::string_view view, std::string_view& line);
  Step read_scalar(RespType type, std::string_view line);
  Step read_string(RespType type, std::string_view view, std::string_view line);
  Step read_aggregate(RespType type, std::string_view line);
  bool add(const internal::RespNode& node);
  void close_finished();
  Step fail(const char* what) {
    what_ = what;
    limit_ = false;
    return Step::kError;
  }
  Step exceed(const char* what) {
    what_ = what;
    limit_ = true;
    return Step::kError;
  }

  RespOptions options_;
  std::vector<internal::RespNode> nodes_;  // in the order of the message
  std::vector<Open> open_;                 // aggregates that are not complete
  size_t at_ = 0;                          // where the next item begins
  size_t line_end_ = 0;                    // behind the line of the item at hand
  size_t searched_ = 0;                    // how far no end of a line has been found
  size_t need_ = 0;
  size_t examined_ = 0;
  bool whole_ = false;
  const char* what_ = "";
  bool limit_ = false;
};

// Arrays of bulk strings, or a line of words (resp_words.h). Empty requests are passed over. A
// request lives as a value does. Lines are refused in Redis' own words.
class RespRequestParser {
 public:
  using value_type = std::span<const std::string_view>;

  explicit RespRequestParser(RespOptions options = {}) : options_(options), values_(options) {
    values_.options_.max_depth = 1;
  }

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool final);

 private:
  ParseResult<value_type> parse_line(std::string_view view, size_t examined);
  bool split(std::string_view line);

  RespOptions options_;
  RespParser values_;
  std::vector<std::string_view> arguments_;
  std::string scratch_;  // the words of a line
};

}  // namespace bufio

#endif  // BUFIO_PARSE_RESP_H_
