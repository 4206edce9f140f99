// bufio/parse/resp_words.h
//
// The words of a request to Redis that is a line, as redis-server takes one apart:
//
//   SET "a \"key\"" 'it\'s a value'
//
// White space, of any kind, stands around words; within a word that is not in quotes only a space,
// a tab, a CR or an LF ends it. A quote may open within a word, and what it encloses ends the word.
// "…" knows \n, \r, \t, \a, \b, \xHH and a backslash before any other byte; '…' knows \' alone.
//
// NUL is a byte like others. A redis-server (7.0) cannot be followed there: it sees no end of a
// line behind a NUL, so it waits for more, and refuses the line as too big once there is enough.

#ifndef BUFIO_PARSE_RESP_WORDS_H_
#define BUFIO_PARSE_RESP_WORDS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace bufio {

enum class RespWord : uint8_t {
  kWord,
  kNone,        // nothing but white space was left
  kUnbalanced,  // a quote is left open, or no white space follows a closing one
};

// Takes the next word off the front of `line`, which is without its end, and appends what it says
// to `text`: no more bytes than it takes off.
RespWord take_resp_word(std::string_view& line, std::string& text);

}  // namespace bufio

#endif  // BUFIO_PARSE_RESP_WORDS_H_
