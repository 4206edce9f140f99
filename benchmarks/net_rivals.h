// benchmarks/net_rivals.h
//
// Hand-written servers. None returns.

#ifndef BENCHMARKS_NET_RIVALS_H_
#define BENCHMARKS_NET_RIVALS_H_

#include "benchmarks/net_rival.h"

namespace bench {

// epoll, level-triggered: a recv and a send for each wake-up, until a recv brings less than it
// could.
[[noreturn]] void serve_epoll(const RivalOptions& options);

// io_uring: multishot receives into provided buffers, echoed from there without a copy.
[[noreturn]] void serve_uring_multishot(const RivalOptions& options);

// io_uring: two buffers a connection; one is received into while the other is sent from, without a
// copy, and the receive is armed behind the send, in the same system call.
[[noreturn]] void serve_uring_single(const RivalOptions& options);

}  // namespace bench

#endif  // BENCHMARKS_NET_RIVALS_H_
