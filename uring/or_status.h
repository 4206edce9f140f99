// uring/or_status.h
//
// What an awaitable gives that may be cut short: its result, or the status that says why there is
// none. For combinators such as with_timeout and with_stop.
//
//   T                           becomes
//   void, absl::Status          absl::Status
//   absl::StatusOr<U>           itself
//   any other                   absl::StatusOr<T>, a reference as a reference_wrapper

#ifndef URING_OR_STATUS_H_
#define URING_OR_STATUS_H_

#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "uring/as_task.h"
#include "uring/task.h"

namespace uring::internal {

template <class T>
struct OrStatusOf {
  using type = absl::StatusOr<StoredResult<T>>;
};
template <>
struct OrStatusOf<void> {
  using type = absl::Status;
};
template <>
struct OrStatusOf<absl::Status> {
  using type = absl::Status;
};
template <class U>
struct OrStatusOf<absl::StatusOr<U>> {
  using type = absl::StatusOr<U>;
};
template <class T>
using OrStatus = typename OrStatusOf<T>::type;

// Of a task that has ended.
template <class T>
OrStatus<T> result_of(Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    task.result();
    return absl::OkStatus();
  } else {
    return task.result();
  }
}

}  // namespace uring::internal

#endif  // URING_OR_STATUS_H_
