// tests/simulate/stream_actor.h
//
// Uses both halves of one connection after the other, each as those do that have a Reader or a
// Writer to themselves (reader_actor.h, writer_actor.h), and in whatever order they go.
//
// What comes and what goes are independent. So in the end the peer says nothing until all is
// written: a read that waits is not to hold up a write.

#ifndef TESTS_SIMULATE_STREAM_ACTOR_H_
#define TESTS_SIMULATE_STREAM_ACTOR_H_

#include <cstddef>
#include <string>

#include "tests/simulate/actor.h"
#include "tests/simulate/reader_actor.h"
#include "tests/simulate/world.h"
#include "tests/simulate/writer_actor.h"

namespace bufio::simulate {

class StreamActor final : public Actor {
 public:
  StreamActor(World& world, std::string name);
  ~StreamActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool idle() override;
  bool wind_up() override;
  void let_go() override;

 private:
  // A few bytes may go out at a time.
  static constexpr int kPatience = 1000;

  void begin(Choices& choices);
  void set_silent(bool silent);

  World& world_;
  std::string name_;
  ReaderActor reader_;
  WriterActor writer_;
  size_t ring_ = 0;
  Feeder* feeder_ = nullptr;
  bool silent_ = false;  // the peer, until all is written
  int slept_ = 0;        // so often while it was
  bool reader_over_ = false;
  bool writer_over_ = false;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_STREAM_ACTOR_H_
