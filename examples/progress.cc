#include "examples/progress.h"

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstdio>

#include "uring/sleep.h"

namespace tool {
namespace {

constexpr std::chrono::milliseconds kFirst(1000);
constexpr std::chrono::milliseconds kInterval(200);
constexpr const char* kEraseLine = "\r\x1b[K";

// Erases what was drawn when it goes out of scope, which is when the coroutine is destroyed.
class Line {
 public:
  Line() = default;
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    if (drawn_) std::fputs(kEraseLine, stderr);
  }
  void draw(const std::string& text) {
    drawn_ = true;
    std::fprintf(stderr, "\r%s\x1b[K", text.c_str());
  }

 private:
  bool drawn_ = false;
};

}  // namespace

std::string human_bytes(double bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  size_t unit = 0;
  while (bytes >= 999.95 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s", unit == 0 ? 0 : 1, bytes, kUnits[unit]);
  return text;
}

std::string describe(const Progress& progress, double seconds) {
  std::string text = human_bytes(static_cast<double>(progress.bytes));
  // A file that grows, or a pipe beside it, can bring more than was expected.
  if (progress.expected_bytes > progress.bytes)
    text += " of " + human_bytes(static_cast<double>(progress.expected_bytes));
  text += ", " + human_bytes(static_cast<double>(progress.bytes) / seconds) + "/s";
  if (progress.all_inputs > 1) {
    text += ", " + std::to_string(progress.inputs) + " of " + std::to_string(progress.all_inputs) +
            " inputs";
  }
  return text;
}

uring::Task<void> show_progress(uring::Ring& ring, const Progress& progress) {
  const auto started = std::chrono::steady_clock::now();
  Line line;
  co_await uring::sleep_for(ring, kFirst);
  for (;;) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
    line.draw(describe(progress, elapsed.count()));
    co_await uring::sleep_for(ring, kInterval);
  }
}

}  // namespace tool
