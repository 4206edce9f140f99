#include "tests/simulate/shrink.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace bufio::simulate {
namespace {

class Shrinker {
 public:
  Shrinker(Program program, const Fails& fails, size_t attempts)
      : best_(std::move(program)), fails_(fails), left_(attempts) {}

  Program run() {
    simplify();
    size_t before;
    do {
      before = best_.steps.size();
      leave_steps_out();
      simplify();
    } while (best_.steps.size() < before && left_ > 0);
    leave_actors_out();
    return std::move(best_);
  }

 private:
  bool attempt(Program candidate) {
    if (left_ == 0) return false;
    --left_;
    if (!fails_(candidate)) return false;
    best_ = std::move(candidate);
    return true;
  }

  void simplify() {
    Program candidate = best_;
    candidate.plain = true;
    if (!best_.plain) attempt(candidate);
    candidate = best_;
    candidate.winds_up = false;
    if (best_.winds_up) attempt(std::move(candidate));
  }

  void leave_steps_out() {
    for (size_t chunk = best_.steps.size() / 2; chunk > 0; chunk /= 2) {
      for (size_t at = 0; at < best_.steps.size();) {
        Program candidate = best_;
        const auto first = candidate.steps.begin() + static_cast<ptrdiff_t>(at);
        const size_t count = std::min(chunk, candidate.steps.size() - at);
        candidate.steps.erase(first, first + static_cast<ptrdiff_t>(count));
        if (!attempt(std::move(candidate))) at += chunk;
        if (left_ == 0) return;
      }
    }
  }

  // Those who have no step left. They would do nothing, so nothing changes.
  void leave_actors_out() {
    for (size_t actor = best_.actors.size(); actor > 0; --actor) {
      const bool acts = std::any_of(best_.steps.begin(), best_.steps.end(),
                                    [actor](const Step& step) { return step.actor == actor; });
      if (acts || best_.actors.size() == 1) continue;
      Program candidate = best_;
      candidate.actors.erase(candidate.actors.begin() + static_cast<ptrdiff_t>(actor) - 1);
      for (Step& step : candidate.steps) {
        if (step.actor > actor) --step.actor;
      }
      attempt(std::move(candidate));
    }
  }

  Program best_;
  const Fails& fails_;
  size_t left_;
};

}  // namespace

Program shrink(Program program, const Fails& fails, size_t attempts) {
  return Shrinker(std::move(program), fails, attempts).run();
}

}  // namespace bufio::simulate
