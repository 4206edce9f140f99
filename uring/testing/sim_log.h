// uring/testing/sim_log.h
//
// What a simulated kernel did, in words. For its implementation.

#ifndef URING_TESTING_SIM_LOG_H_
#define URING_TESTING_SIM_LOG_H_

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "uring/status.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_request.h"

namespace uring::testing {

// "#3 read fd 5, armed".
std::string describe(const SimRequest& request);

template <class... Parts>
void SimKernel::log(const Parts&... parts) {
  if (recording_) trace_.push_back(absl::StrCat(parts...));
}

template <class... Parts>
void SimKernel::log_request(std::string_view verb, const SimRequest& request,
                            const Parts&... parts) {
  if (recording_) trace_.push_back(absl::StrCat(as_absl(verb), " ", describe(request), parts...));
}

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_LOG_H_
