// examples/resp_reply.h
//
// Answers as Redis clients read them, in version 2 or 3 of the protocol.
//
//   +OK   -ERR what is wrong   :17   $3 and "abc"   *2 and two answers   %1 and a key and a value
//
// Appends to a string; no I/O. What is shown of a peer's words in an error cannot break its line.

#ifndef EXAMPLES_RESP_REPLY_H_
#define EXAMPLES_RESP_REPLY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace resp {

class ReplyText {
 public:
  // Forgets what was said; keeps the memory, unless it was much.
  void clear();
  std::string_view view() const { return text_; }

  void simple(std::string_view text) { line('+', text); }
  // "ERR what is wrong": the first word is the kind.
  void error(std::string_view text);
  void integer(int64_t value) { number(':', value); }
  void bulk(std::string_view bytes);
  // The part of a bulk string in front of its bytes; CRLF follows them.
  void bulk_head(size_t size) { number('$', static_cast<int64_t>(size)); }
  void array_head(size_t count) { number('*', static_cast<int64_t>(count)); }
  // `count` pairs. Version 2 has no maps, and gets an array.
  void map_head(size_t count, int protocol);
  void null(int protocol) { text_ += protocol >= 3 ? "_\r\n" : "$-1\r\n"; }
  // A text for people.
  void verbatim(std::string_view text, int protocol);

 private:
  void line(char kind, std::string_view text);
  void number(char kind, int64_t value);

  std::string text_;
};

}  // namespace resp

#endif  // EXAMPLES_RESP_REPLY_H_
