// tests/apps/crowd.h
//
// Very many connections at once, opened and dropped at random.

#ifndef TESTS_APPS_CROWD_H_
#define TESTS_APPS_CROWD_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/apps/tcp_client.h"

namespace testing_programs {

inline constexpr size_t kCrowd = 2000;

// Raises this process's limit, which the servers that it starts from then on inherit, so that a
// crowd can be had; false: the system does not allow that.
bool allow_crowd();

// kCrowd clients of a server, of which each says one of `things`, chosen at random ("": nothing).
// While they come, a third of them go: half by closing, half by a reset. Fewer: not all could
// connect. Those that have gone are there still, but not ok().
std::vector<TcpClient> crowd(uint16_t port, const std::vector<std::string>& things,
                             std::mt19937& random);

}  // namespace testing_programs

#endif  // TESTS_APPS_CROWD_H_
