#include "uring/run_on_cores.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "uring/block_on.h"

namespace uring {
namespace {

std::vector<int> processors() {
  std::vector<int> found;
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) found.push_back(cpu);
  }
  return found;
}

void pin_to(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  // A thread that cannot be pinned works all the same.
  static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof only, &only));
}

// Gives the calling thread back the processors that it had.
class Unpinned {
 public:
  Unpinned() { known_ = sched_getaffinity(0, sizeof before_, &before_) == 0; }
  Unpinned(const Unpinned&) = delete;
  Unpinned& operator=(const Unpinned&) = delete;
  ~Unpinned() {
    if (known_) pthread_setaffinity_np(pthread_self(), sizeof before_, &before_);
  }

 private:
  cpu_set_t before_;
  bool known_;
};

absl::Status run_one(int core, const std::function<Task<absl::Status>(Ring&, int)>& work,
                     const RingOptions& options) {
  absl::StatusOr<Ring> ring = Ring::create(options);
  if (!ring.ok()) return std::move(ring).status();
  return block_on(*ring, work(*ring, core));
}

}  // namespace

int usable_cores() { return static_cast<int>(processors().size()); }

absl::Status run_on_cores(int cores, const std::function<Task<absl::Status>(Ring&, int)>& work,
                          const RingOptions& options, std::stop_source stop) {
  const std::vector<int> on = processors();
  if (cores <= 0) cores = static_cast<int>(on.size());
  const bool enough = static_cast<size_t>(cores) <= on.size();
  std::vector<absl::Status> ended(static_cast<size_t>(cores));
  auto run = [&](int core) {
    auto index = static_cast<size_t>(core);
    if (enough && cores > 1) pin_to(on[index]);
    ended[index] = run_one(core, work, options);
    if (!ended[index].ok()) stop.request_stop();
  };
  std::vector<std::thread> threads;
  for (int core = 1; core < cores; ++core) threads.emplace_back(run, core);
  {
    const Unpinned calling_thread;
    run(0);
  }
  for (std::thread& thread : threads) thread.join();
  auto failed = std::find_if(ended.begin(), ended.end(), [](const auto& s) { return !s.ok(); });
  return failed == ended.end() ? absl::OkStatus() : *failed;
}

}  // namespace uring
