#include "settings.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "bufio/messages.h"

namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

bufio::ParseResult<Setting> SettingParser::parse(std::string_view view, size_t examined,
                                                 bool final) {
  size_t end = view.find('\n', examined);
  size_t consumed = end + 1;
  if (end == std::string_view::npos) {
    if (!final || view.empty()) return bufio::NeedMore(view.size());
    end = consumed = view.size();
  }
  const std::string_view line = trimmed(view.substr(0, end));
  if (line.empty() || line[0] == '#') return bufio::Skip(consumed);
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    return bufio::ParseError(absl::InvalidArgumentError("a setting without '='"));
  }
  return {Setting{trimmed(line.substr(0, equals)), trimmed(line.substr(equals + 1))}, consumed};
}

uring::Task<absl::StatusOr<std::map<std::string, std::string>>> read_settings(
    bufio::Reader& reader) {
  std::map<std::string, std::string> settings;
  bufio::Messages<SettingParser> messages(reader);
  for (;;) {
    std::optional<Setting> setting = co_await messages.next();
    if (!setting.has_value()) break;
    settings.insert_or_assign(std::string(setting->name), std::string(setting->value));
  }
  if (!messages.status().ok()) co_return messages.status();
  co_return std::move(settings);
}
