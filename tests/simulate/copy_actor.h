// tests/simulate/copy_actor.h
//
// Copies between streams, one way and both ways, and knows that no byte gets lost or comes twice.
//
// What a Reader has given and what its Writer has accepted are the same at any time, whoever is
// cancelled when. When writing fails, what will never be written is in the Reader again.

#ifndef TESTS_SIMULATE_COPY_ACTOR_H_
#define TESTS_SIMULATE_COPY_ACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/copy.h"
#include "bufio/reader.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "tests/simulate/writer_subject.h"
#include "uring/task.h"

namespace bufio::simulate {

class CopyActor final : public Actor {
 public:
  CopyActor(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  ~CopyActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool wind_up() override;
  void let_go() override;

 private:
  // From a Reader to a Writer.
  struct Way {
    std::optional<Reader> reader;
    Feeder* feeder = nullptr;
    uint64_t size = 0;
    int read_error = 0;  // that may come in the place of the end
    std::unique_ptr<WriterSubject> sink;
    bool loose_ends = false;  // a copy was cut short, and what it had handed over goes on
    bool shut_down = false;   // or was to be

    uint64_t accepted() const { return sink->writer->pos() - sink->start(); }
    uint64_t written() const { return sink->writer->written() - sink->start(); }
  };

  void begin(Choices& choices);
  void act_on_call(Choices& choices);
  void make_call(Choices& choices);
  void hang_up(Way& way);
  void call_was_cut_short();
  void look_at(Way& way);
  void look_at_result(Way& way, const CopyResult& result, uint64_t from, bool other_failed);
  void expect(bool holds, std::string_view what);
  bool ring_gone_now() const { return ring_generation_ != world_.ring_generation(ring_); }
  uring::Ring* live_ring() { return ring_gone_now() ? nullptr : world_.ring(ring_); }

  static uring::Task<void> copy_one(CopyActor& a, size_t way, uint64_t n);
  static uring::Task<void> copy_both(CopyActor& a);

  World& world_;
  std::string name_;
  PendingCall pending_{world_, name_, [this] { call_was_cut_short(); }};
  size_t ring_ = 0;
  uint64_t ring_generation_ = 0;
  bool begun_ = false;
  Way ways_[2];
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_COPY_ACTOR_H_
