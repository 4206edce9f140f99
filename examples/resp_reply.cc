#include "examples/resp_reply.h"

#include <array>
#include <charconv>

namespace resp {

void ReplyText::clear() {
  constexpr size_t kKeep = size_t{32} << 10;
  if (text_.capacity() > kKeep) std::string().swap(text_);
  text_.clear();
}

void ReplyText::line(char kind, std::string_view text) {
  text_ += kind;
  text_ += text;
  text_ += "\r\n";
}

void ReplyText::number(char kind, int64_t value) {
  std::array<char, 24> digits;
  const std::to_chars_result end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line(kind, std::string_view(digits.data(), static_cast<size_t>(end.ptr - digits.data())));
}

void ReplyText::error(std::string_view text) {
  text_ += '-';
  for (const char c : text) text_ += c == '\r' || c == '\n' ? ' ' : c;
  text_ += "\r\n";
}

void ReplyText::bulk(std::string_view bytes) {
  bulk_head(bytes.size());
  text_ += bytes;
  text_ += "\r\n";
}

void ReplyText::map_head(size_t count, int protocol) {
  if (protocol >= 3) {
    number('%', static_cast<int64_t>(count));
  } else {
    array_head(2 * count);
  }
}

void ReplyText::verbatim(std::string_view text, int protocol) {
  if (protocol < 3) return bulk(text);
  number('=', static_cast<int64_t>(text.size() + 4));
  text_ += "txt:";
  text_ += text;
  text_ += "\r\n";
}

}  // namespace resp
