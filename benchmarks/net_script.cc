#include "benchmarks/net_script.h"

#include <algorithm>

#include "benchmarks/random.h"

namespace bench {
namespace {

constexpr size_t kFewest = 64;  // messages of a round
constexpr size_t kShortestLine = 20;
constexpr size_t kLongestLine = 200;

std::string text(Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>('a' + random.below(26));
  return bytes;
}

}  // namespace

void Lyrics::add(const std::string& message) {
  bytes += message;
  ends.push_back(static_cast<uint32_t>(bytes.size()));
}

Script echo_script(size_t size, size_t outstanding) {
  Random random(1);
  Script script;
  for (size_t i = 0; i < std::max(kFewest, 2 * outstanding); ++i) {
    script.requests.add(text(random, size));
  }
  script.requests.finish();
  script.answers = script.requests;
  return script;
}

Script lines_script(size_t outstanding) {
  Random random(1);
  Script script;
  // Twice the longest line for each: no burst is longer than a round.
  for (size_t i = 0; i < std::max(kFewest, 16 * outstanding); ++i) {
    std::string line =
        text(random, kShortestLine - 1 + random.below(kLongestLine - kShortestLine + 1)) + '\n';
    script.requests.add(line);
    script.answers.add('+' + line);
  }
  script.requests.finish();
  script.answers.finish();
  return script;
}

}  // namespace bench
