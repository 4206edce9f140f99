#include "tests/apps/crowd.h"

#include <sys/resource.h>

#include <algorithm>

namespace testing_programs {

bool allow_crowd() {
  constexpr rlim_t kWanted = kCrowd + 500;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < kWanted) return false;
  limit.rlim_cur = std::max(limit.rlim_cur, kWanted);
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

std::vector<TcpClient> crowd(uint16_t port, const std::vector<std::string>& things,
                             std::mt19937& random) {
  std::vector<TcpClient> clients;
  while (clients.size() < kCrowd) {
    TcpClient client(port);
    if (!client.ok()) break;
    client.send(things[random() % things.size()]);
    clients.push_back(std::move(client));
    TcpClient& leaver = clients[random() % clients.size()];
    if (random() % 6 == 0) leaver.close();
    if (random() % 6 == 0) leaver.reset();
  }
  return clients;
}

}  // namespace testing_programs
