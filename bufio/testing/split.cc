#include "bufio/testing/split.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "uring/check.h"
#include "uring/testing/choices.h"

namespace bufio::testing {

using uring::testing::SeededChoices;

Split Split::whole(std::string_view input) {
  Split split(input, absl::StrCat("all ", input.size(), " bytes at once"));
  if (!input.empty()) split.ends_.push_back(input.size());
  return split;
}

Split Split::one_byte_each(std::string_view input) {
  Split split(input, absl::StrCat(input.size(), " bytes, one at a time"));
  for (size_t end = 1; end <= input.size(); ++end) split.ends_.push_back(end);
  return split;
}

Split Split::halves(std::string_view input) {
  Split split(input, absl::StrCat(input.size(), " bytes, half of the rest each time"));
  for (size_t end = 0; end < input.size();) {
    end += std::max<size_t>(1, (input.size() - end) / 2);
    split.ends_.push_back(end);
  }
  return split;
}

Split Split::at(std::string_view input, std::vector<size_t> cuts) {
  Split split(
      input, absl::StrCat("cut at ", absl::StrJoin(cuts, " and "), " of ", input.size(), " bytes"));
  cuts.push_back(input.size());
  for (size_t cut : cuts) {
    URING_CHECK(cut <= input.size(), "a cut behind the input");
    const size_t last = split.ends_.empty() ? 0 : split.ends_.back();
    URING_CHECK(cut >= last, "cuts must rise");
    if (cut > last) split.ends_.push_back(cut);
  }
  return split;
}

Split Split::random(std::string_view input, uint64_t seed) {
  Split split(input, absl::StrCat(input.size(), " bytes, cut by seed ", seed));
  SeededChoices choices(seed);
  const uint32_t character = choices.below(3);
  const auto longest = static_cast<uint32_t>(std::min<size_t>(input.size(), UINT32_MAX));
  for (size_t end = 0; end < input.size();) {
    const bool tiny = character == 0 || (character == 1 && choices.one_in(2));
    const size_t size = choices.between(1, tiny ? std::min(longest, 4U) : longest);
    end = std::min(input.size(), end + size);
    split.ends_.push_back(end);
  }
  return split;
}

}  // namespace bufio::testing
