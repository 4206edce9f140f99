#include "examples/json_text.h"

#include <simdjson.h>

#include <cstddef>

#include "absl/strings/str_format.h"

namespace {

// The length of the UTF-8 sequence at the start of `text`, or 0 if there is none.
size_t sequence_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (length > text.size() || !simdjson::validate_utf8(text.data(), length)) return 0;
  return length;
}

void append_escaped(char c, std::string& out) {
  switch (c) {
    case '"':
    case '\\':
      out.push_back('\\');
      out.push_back(c);
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned char>(c));
  }
}

bool plain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out.push_back('"');
  const bool valid = simdjson::validate_utf8(text.data(), text.size());
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && plain(text[length]) &&
           (valid || static_cast<unsigned char>(text[length]) < 0x80)) {
      ++length;
    }
    out.append(text.substr(0, length));
    text.remove_prefix(length);
    if (text.empty()) break;
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      append_escaped(text[0], out);
      text.remove_prefix(1);
      continue;
    }
    const size_t sequence = sequence_length(text);
    if (sequence > 0) {
      out.append(text.substr(0, sequence));
    } else {
      out += "\xef\xbf\xbd";
    }
    text.remove_prefix(sequence > 0 ? sequence : 1);
  }
  out.push_back('"');
}
