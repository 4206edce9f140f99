#include "bufio/parse/resp_words.h"

namespace bufio {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Each takes what stands behind the opening quote, with the closing one, off `rest`.
bool take_double_quoted(std::string_view& rest, std::string& text) {
  while (!rest.empty() && rest[0] != '"') {
    if (rest[0] != '\\' || rest.size() < 2) {
      text += rest[0];
      rest.remove_prefix(1);
    } else if (rest.size() >= 4 && rest[1] == 'x' && hex_digit(rest[2]) >= 0 &&
               hex_digit(rest[3]) >= 0) {
      text += static_cast<char>(hex_digit(rest[2]) * 16 + hex_digit(rest[3]));
      rest.remove_prefix(4);
    } else {
      text += unescaped(rest[1]);
      rest.remove_prefix(2);
    }
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

bool take_single_quoted(std::string_view& rest, std::string& text) {
  while (!rest.empty() && rest[0] != '\'') {
    if (rest.starts_with("\\'")) rest.remove_prefix(1);
    text += rest[0];
    rest.remove_prefix(1);
  }
  if (rest.empty()) return false;
  rest.remove_prefix(1);
  return true;
}

}  // namespace

RespWord take_resp_word(std::string_view& line, std::string& text) {
  while (!line.empty() && is_space(line[0])) line.remove_prefix(1);
  if (line.empty()) return RespWord::kNone;
  while (!line.empty() && !ends_word(line[0])) {
    const char c = line[0];
    line.remove_prefix(1);
    if (c != '"' && c != '\'') {
      text += c;
      continue;
    }
    const bool closed = c == '"' ? take_double_quoted(line, text) : take_single_quoted(line, text);
    const bool ends = line.empty() || is_space(line[0]);
    return closed && ends ? RespWord::kWord : RespWord::kUnbalanced;
  }
  return RespWord::kWord;
}

}  // namespace bufio
