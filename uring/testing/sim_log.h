// uring/testing/sim_log.h
//
// What a simulated kernel did, in words. For its implementation.

#ifndef URING_TESTING_SIM_LOG_H_
#define URING_TESTING_SIM_LOG_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_request.h"

namespace uring::testing {

// "#3 read fd 5, armed".
std::string describe(const SimRequest& request);

template <class... Parts>
void SimKernel::log(const Parts&... parts) {
  if (recording_) trace_.push_back(absl::StrCat(parts...));
}

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_LOG_H_
