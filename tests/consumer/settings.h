// Settings files: "name = value" lines, '#' for remarks.

#ifndef SETTINGS_H_
#define SETTINGS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "uring/task.h"

struct Setting {
  std::string_view name;
  std::string_view value;
};

class SettingParser {
 public:
  using value_type = Setting;

  bufio::ParseResult<Setting> parse(std::string_view view, size_t examined, bool final);
};

// All settings of a file, the last one of a name.
uring::Task<absl::StatusOr<std::map<std::string, std::string>>> read_settings(
    bufio::Reader& reader);

#endif  // SETTINGS_H_
