// examples/resp_request.h
//
// Requests as Redis clients send them: arrays of bulk strings, or a line of words.
//
//   *2\r\n$3\r\nGET\r\n$3\r\nkey\r\n        GET "a key"\r\n
//
// No I/O: it is shown the bytes that have come, from the first one that was not consumed, and says
// whether they are a request. How they were split on their way makes no difference, and each byte
// is looked at once (lengths, of 24 bytes at most, are read again until they are whole).
//
//   resp::RequestParser parser(limits);
//   switch (parser.parse(reader.buffered(), reader.source_ended())) …
//   reader.consume(parser.consumed());   // after every outcome; ends what arguments() refer to
//
// Memory. What is there stays where it is: arguments() are views of it. Only what belongs to a
// request that is longer than Limits::big_argument is copied, as it comes, so that the caller's
// window stays small; and an argument longer than that is left to the caller, who may read it to
// wherever it is to stay. memory() says what the parser holds.
//
// Stricter than Redis in one thing: each line of an array and each bulk string ends with CRLF,
// where Redis passes over any two bytes.

#ifndef EXAMPLES_RESP_REQUEST_H_
#define EXAMPLES_RESP_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace resp {

struct Limits {
  size_t max_arguments = size_t{1} << 20;
  size_t max_bulk = size_t{512} << 20;   // bytes of one argument
  size_t max_request = size_t{1} << 30;  // bytes of all, and kArgumentCost for each
  size_t max_line = size_t{64} << 10;    // of a request that is a line of words
  size_t big_argument = size_t{32} << 10;
};

inline constexpr size_t kArgumentCost = 64;

class RequestParser {
 public:
  enum class Outcome : uint8_t {
    kMore,       // parse again when at least needed() more bytes have come
    kRequest,    // arguments(); none: an empty request, which is not answered
    kBig,        // next come big_size() bytes of an argument; consume(), read them, and give() them
    kEnd,        // `final`, and nothing is left
    kTruncated,  // `final`, within a request
    kRefused,    // refusal() says why; it will not parse on
  };

  explicit RequestParser(const Limits& limits = {}) : limits_(limits) {}

  // `view` begins behind what was consumed; `final`: no more will come. What was there before must
  // be there still, but may lie elsewhere. After a request it goes on with the next one.
  Outcome parse(std::string_view view, bool final);

  // How many bytes in front of the view are done with, after any outcome.
  size_t consumed() const { return consumed_; }
  // At least one.
  size_t needed() const { return needed_; }
  // Valid until the next call, or until the bytes that it was shown are gone.
  std::span<const std::string_view> arguments() const { return arguments_; }
  // The string of an argument that was given; null: it was not. It may be moved from.
  std::string* given(size_t argument);

  size_t big_size() const { return body_size_; }
  // `big_size()` bytes.
  void give(std::string argument);

  // For "-ERR Protocol error: …".
  std::string_view refusal() const { return refusal_; }
  // Some bytes of a request have been parsed, but not all.
  bool within_request() const { return state_ != State::kStart; }
  size_t memory() const;

 private:
  enum class State : uint8_t { kStart, kHeader, kBody, kTail };
  enum class Number : uint8_t { kFine, kMore, kBad };

  struct Place {
    size_t offset;  // in held_, and behind that in the view; or the index in given_
    size_t size;
    bool is_given;
  };

  void begin();
  Outcome parse_start(std::string_view view, bool final);
  Outcome parse_line(std::string_view view, bool final);
  Outcome parse_arguments(std::string_view view, bool final);
  // Nothing: all is well.
  std::optional<Outcome> parse_header(std::string_view view, bool final);
  Number parse_length(std::string_view view, int64_t& length);
  Outcome more(std::string_view view, bool final, size_t needed);
  Outcome refuse(std::string_view why);
  Outcome finish(std::string_view view);
  bool charge(size_t size);
  void hold(std::string_view view);

  Limits limits_;
  State state_ = State::kStart;
  bool done_ = false;     // what is here belongs to the request before
  size_t at_ = 0;         // how far the view is parsed
  size_t searched_ = 0;   // how far it has no end of a line
  size_t remaining_ = 0;  // arguments that are still to come
  size_t body_size_ = 0;  // of the one that comes
  size_t size_ = 0;       // of the request, as max_request counts
  size_t consumed_ = 0;
  size_t needed_ = 1;
  std::string held_;
  size_t held_size_ = 0;  // of it, what was copied from views
  std::vector<Place> places_;
  size_t held_places_ = 0;  // those that refer to no view
  std::vector<std::string> given_;
  std::vector<std::string_view> arguments_;
  std::string refusal_;
};

}  // namespace resp

#endif  // EXAMPLES_RESP_REQUEST_H_
