#include "examples/http_target.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "uring/status.h"

namespace http {
namespace {

// The value of a hexadecimal digit, or -1.
int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      int high = digit_value(text[i + 1]);
      int low = digit_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

struct SuffixType {
  std::string_view suffix;
  std::string_view type;
};

constexpr std::array kTypes = {
    SuffixType{".avif", "image/avif"},
    SuffixType{".css", "text/css; charset=utf-8"},
    SuffixType{".csv", "text/csv; charset=utf-8"},
    SuffixType{".gif", "image/gif"},
    SuffixType{".gz", "application/gzip"},
    SuffixType{".htm", "text/html; charset=utf-8"},
    SuffixType{".html", "text/html; charset=utf-8"},
    SuffixType{".ico", "image/vnd.microsoft.icon"},
    SuffixType{".jpeg", "image/jpeg"},
    SuffixType{".jpg", "image/jpeg"},
    SuffixType{".js", "text/javascript; charset=utf-8"},
    SuffixType{".json", "application/json"},
    SuffixType{".md", "text/markdown; charset=utf-8"},
    SuffixType{".mjs", "text/javascript; charset=utf-8"},
    SuffixType{".mp3", "audio/mpeg"},
    SuffixType{".mp4", "video/mp4"},
    SuffixType{".pdf", "application/pdf"},
    SuffixType{".png", "image/png"},
    SuffixType{".svg", "image/svg+xml"},
    SuffixType{".txt", "text/plain; charset=utf-8"},
    SuffixType{".wasm", "application/wasm"},
    SuffixType{".webm", "video/webm"},
    SuffixType{".webp", "image/webp"},
    SuffixType{".woff2", "font/woff2"},
    SuffixType{".xml", "application/xml"},
    SuffixType{".zip", "application/zip"},
};

}  // namespace

std::optional<TargetPath> path_of_target(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (absl::StartsWithIgnoreCase(uring::as_absl(target), uring::as_absl(kScheme))) {
    target.remove_prefix(kScheme.size());
    size_t end = target.find_first_of("/?");
    target = end == std::string_view::npos ? std::string_view() : target.substr(end);
    if (!target.starts_with('/')) target = "/";
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) return std::nullopt;
  std::optional<std::string> decoded = percent_decoded(target.substr(0, target.find('?')));
  if (!decoded.has_value()) return std::nullopt;

  std::vector<std::string_view> segments;
  std::string_view rest = *decoded;
  TargetPath result;
  while (!rest.empty()) {
    rest.remove_prefix(1);  // a slash
    std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    result.directory = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (segments.empty()) return std::nullopt;
      segments.pop_back();
    } else if (!result.directory) {
      segments.push_back(segment);
    }
  }
  for (std::string_view segment : segments) {
    if (!result.path.empty()) result.path += '/';
    result.path += segment;
  }
  if (result.path.empty()) result.path += '.';  // g++ 12 -O2 warns of what it takes = "." for
  return result;
}

std::string_view content_type(std::string_view path) {
  auto known = std::find_if(kTypes.begin(), kTypes.end(), [path](const SuffixType& each) {
    return absl::EndsWithIgnoreCase(uring::as_absl(path), uring::as_absl(each.suffix));
  });
  return known == kTypes.end() ? "application/octet-stream" : known->type;
}

}  // namespace http
