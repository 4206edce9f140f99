// bufio/parse/json_lines.h
//
// JSON lines (one value a line, also known as NDJSON), by simdjson.
//
//   bufio::Messages<bufio::JsonLinesParser> lines(
//       reader, bufio::JsonLinesParser({.padded = reader.padded()}));
//   for (;;) {
//     std::optional<bufio::JsonLine> line = co_await lines.next();
//     if (!line) break;
//     uint64_t id;
//     if (auto error = line->json()["id"].get(id)) co_return line->error(error);
//   }
//
// simdjson reads up to 64 bytes behind a text. Those are there behind all lines but the last one of
// a view, and behind that, too, if the Reader has padded(); else that one line is copied.
//
//   errors   InvalidArgument: a line that is no JSON, with its number; the offset is that of its
//            start. ResourceExhausted: max_line. With skip_bad such lines of JSON are passed over
//            and counted. Lines of nothing but white space are passed over.
//   values   live until the next call on the Reader, like the text that they refer to
//   cost     no allocation once the parser has seen its longest line
//
// Two parsers, with the same options. JsonLinesParser validates each line as a whole and gives a
// dom::element, which may be walked in any order. JsonOnDemandParser is faster and gives an
// ondemand::document, to be walked once, front to back: what is wrong with a line may show only
// then, and what is not walked is not checked.

#ifndef BUFIO_PARSE_JSON_LINES_H_
#define BUFIO_PARSE_JSON_LINES_H_

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parser.h"

namespace bufio {

struct JsonLinesOptions {
  // 64 bytes behind every view are readable: what Reader::padded() says.
  bool padded = false;
  // Lines that are no JSON are passed over, see skipped().
  bool skip_bad = false;
  // In bytes. What the Reader may buffer (ParseOptions::max_message) is another limit.
  size_t max_line = size_t{1} << 20;
};

// What simdjson says, with the line's number.
absl::Status json_error(simdjson::error_code error, uint64_t line);

template <class Json>
class BasicJsonLine {
 public:
  BasicJsonLine(std::string_view text, Json* json, uint64_t number)
      : text_(text), json_(json), number_(number) {}

  Json& json() const { return *json_; }
  // Without white space around it.
  std::string_view text() const { return text_; }
  // The first line is 1; those that are passed over count.
  uint64_t number() const { return number_; }
  // A status for what simdjson says while the value is walked.
  absl::Status error(simdjson::error_code error) const { return json_error(error, number_); }

 private:
  std::string_view text_;
  Json* json_;
  uint64_t number_;
};

using JsonLine = BasicJsonLine<simdjson::dom::element>;
using JsonOnDemandLine = BasicJsonLine<simdjson::ondemand::document>;

// Lines, and room for one that has no padding behind it.
class JsonLineSplitter {
 public:
  explicit JsonLineSplitter(JsonLinesOptions options) : options_(options) {}

  // How many lines were passed over since they are no JSON.
  uint64_t skipped() const { return skipped_; }
  // The last value has been handed out.
  void accepted() { ++lines_; }

 protected:
  // A line of the view, with what has to be said about it instead of a value.
  struct Line {
    std::string_view text;  // without white space around it
    size_t size = 0;        // of the line in the view
    std::optional<NeedMore> more;
    std::optional<Skip> skip;
    bool too_long = false;
  };
  Line next(std::string_view view, size_t examined, bool final);
  // The same text where 64 bytes behind it are readable.
  std::string_view padded(std::string_view text, std::string_view view);
  bool skip_bad() const { return options_.skip_bad; }
  Skip pass_over(const Line& line) {
    ++lines_;
    ++skipped_;
    return Skip(line.size);
  }
  uint64_t number() const { return lines_ + 1; }
  ParseError too_long() const;

 private:
  JsonLinesOptions options_;
  std::string copy_;
  uint64_t lines_ = 0;  // in front of the one at hand
  uint64_t skipped_ = 0;
};

struct JsonDom {
  using Json = simdjson::dom::element;
  simdjson::error_code read(std::string_view padded) {
    return parser.parse(padded.data(), padded.size(), false).get(json);
  }
  simdjson::dom::parser parser;
  Json json;
};

struct JsonOnDemand {
  using Json = simdjson::ondemand::document;
  simdjson::error_code read(std::string_view padded) {
    const size_t readable = padded.size() + simdjson::SIMDJSON_PADDING;
    return parser.iterate(padded.data(), padded.size(), readable).get(json);
  }
  simdjson::ondemand::parser parser;
  Json json;
};

template <class Engine>
class BasicJsonLinesParser : public JsonLineSplitter {
 public:
  using value_type = BasicJsonLine<typename Engine::Json>;

  explicit BasicJsonLinesParser(JsonLinesOptions options = {})
      : JsonLineSplitter(options), engine_(std::make_unique<Engine>()) {}

  ParseResult<value_type> parse(std::string_view view, size_t examined, bool final) {
    const Line line = next(view, examined, final);
    if (line.more.has_value()) return *line.more;
    if (line.skip.has_value()) return *line.skip;
    if (line.too_long) return too_long();
    const simdjson::error_code error = engine_->read(padded(line.text, view));
    if (error == simdjson::SUCCESS) [[likely]] {
      return {value_type(line.text, &engine_->json, number()), line.size};
    }
    if (skip_bad()) return pass_over(line);
    return ParseError(json_error(error, number()));
  }

 private:
  std::unique_ptr<Engine> engine_;  // documents refer to their parser, so it stays where it is
};

using JsonLinesParser = BasicJsonLinesParser<JsonDom>;
using JsonOnDemandParser = BasicJsonLinesParser<JsonOnDemand>;

}  // namespace bufio

#endif  // BUFIO_PARSE_JSON_LINES_H_
