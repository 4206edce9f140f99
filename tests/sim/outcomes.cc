#include "tests/sim/outcomes.h"

#include <cstdint>
#include <cstring>

namespace uring::testing {

std::string errno_text(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

std::string to_text(const Completion& completion) {
  // A notification's highest bit says that bytes were copied, and no error (IORING_NOTIF_USAGE_…).
  const bool error = completion.result < 0 && completion.result != INT32_MIN;
  std::string result = error ? errno_text(-completion.result) : std::to_string(completion.result);
  return std::to_string(completion.user_data) + ":" + result;
}

std::string to_text(const std::vector<Completion>& completions) {
  std::string text;
  for (const Completion& completion : completions) {
    if (!text.empty()) text += " ";
    text += to_text(completion);
  }
  return text;
}

Outcomes every_outcome(const SimKnobs& knobs,
                       const std::function<std::string(SimKernel&)>& script) {
  Outcomes outcomes;
  AllChoices choices;
  do {
    SimKernel kernel(choices, knobs);
    outcomes.insert(script(kernel));
  } while (choices.next_run());
  return outcomes;
}

}  // namespace uring::testing
