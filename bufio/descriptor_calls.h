// bufio/descriptor_calls.h
//
// What sources and sinks over a descriptor ask of it beside its bytes.

#ifndef BUFIO_DESCRIPTOR_CALLS_H_
#define BUFIO_DESCRIPTOR_CALLS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "uring/descriptor.h"
#include "uring/ref.h"

namespace bufio {

// How many bytes a file or a block device has now. One or two system calls.
absl::StatusOr<uint64_t> size_of(const uring::Descriptor& descriptor);

// Gives the share away and leaves the name behind: the descriptor is closed when its new owner
// drops it, not later. Nothing in flight may name it.
uring::Ref<uring::Descriptor> give_away(uring::Ref<uring::Descriptor>& descriptor);

}  // namespace bufio

#endif  // BUFIO_DESCRIPTOR_CALLS_H_
