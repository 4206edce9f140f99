// examples/json_text.h
//
// Text as JSON has it.

#ifndef EXAMPLES_JSON_TEXT_H_
#define EXAMPLES_JSON_TEXT_H_

#include <string>
#include <string_view>

// Appends `text` in quotes, escaped (RFC 8259). Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string_view text, std::string& out);

#endif  // EXAMPLES_JSON_TEXT_H_
