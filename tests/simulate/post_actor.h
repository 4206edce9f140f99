// tests/simulate/post_actor.h
//
// Posts to a Ring, from its own thread, and counts: what was posted runs once and in order, or is
// destroyed with the Ring, which takes nothing more then.

#ifndef TESTS_SIMULATE_POST_ACTOR_H_
#define TESTS_SIMULATE_POST_ACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulate/actor.h"
#include "tests/simulate/world.h"
#include "uring/post.h"
#include "uring/task.h"

namespace bufio::simulate {

class PostActor final : public Actor {
 public:
  PostActor(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  ~PostActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  bool idle() override;
  void ring_goes(size_t ring) override { ring_goes_ |= ring == ring_; }
  void ring_gone(size_t ring) override;
  bool wind_up() override;
  void let_go() override;

 private:
  static constexpr int kPatience = 10;

  // What became of what was posted to one Ring. It outlives the actor, as posts may.
  struct Record {
    explicit Record(World& in) : world(in) {}

    World& world;
    std::string name;
    uint64_t posted = 0;
    uint64_t run = 0;
    uint64_t destroyed = 0;  // having run or not
  };
  class Letter;

  void begin(Choices& choices);
  void post(bool again);
  static void deliver(const std::shared_ptr<Record>& record, const uring::Poster& poster,
                      bool again);
  static uring::Task<void> post_from_coroutine(PostActor& actor, std::shared_ptr<Record> record);
  void expect(bool holds, std::string_view what);
  bool ring_gone_now() const { return ring_generation_ != world_.ring_generation(ring_); }

  World& world_;
  std::string name_;
  size_t ring_ = 0;
  uint64_t ring_generation_ = 0;
  bool ring_goes_ = false;  // it takes no more posts, though it may still sleep
  uring::Poster poster_;
  std::shared_ptr<Record> record_;
  // While winding up: how many had run, and for how many rounds no more have.
  uint64_t run_before_ = 0;
  int rounds_ = 0;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_POST_ACTOR_H_
