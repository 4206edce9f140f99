// tests/simulate/writer_actor.h
//
// Uses one Writer after the other, in every way there is, and knows what must come out at the other
// end.
//
// A call is made in one step and looked at in later ones, while others act: it may be cancelled in
// each of the ways there are, see its Writer moved, destroyed or interrupted, its Ring go, and its
// peer hang up. Meanwhile pos() must say what was accepted, and what comes out must be the
// beginning of that, each byte once, as long as written() says at least.

#ifndef TESTS_SIMULATE_WRITER_ACTOR_H_
#define TESTS_SIMULATE_WRITER_ACTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/pending_call.h"
#include "tests/simulate/world.h"
#include "tests/simulate/writer_subject.h"
#include "uring/ring.h"
#include "uring/task.h"
#include "uring/time.h"

namespace bufio::simulate {

class WriterActor final : public Actor {
 public:
  WriterActor(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  ~WriterActor() override { let_go(); }

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool wind_up() override;
  void let_go() override;

  // Uses this one, half of a Stream, and nothing after it.
  void use(std::unique_ptr<WriterSubject> half);
  bool done() const { return subject_ == nullptr; }
  bool waits() const { return pending_.waits(); }

 private:
  friend class WriterCalls;

  // What the call that was made may have accepted: all of `size` bytes or none, or, if they go in
  // by parts, any number of them.
  struct Call {
    uint64_t size = 0;
    bool in_parts = false;
    bool has_deadline = false;
    bool interrupted = false;
  };

  // --- steps
  void begin_writer(Choices& choices);
  void take_up(std::unique_ptr<WriterSubject> subject);
  void drop_subject();
  void act_on_call(Choices& choices);
  void act_freely(Choices& choices);
  void make_call(Choices& choices);
  void write_something(Choices& choices, size_t n);
  void start(uring::Task<void> body, Choices& choices, uint64_t size = 0, bool in_parts = false);
  void prepare_call(uint64_t size, bool in_parts);
  void call_twice(Choices& choices);
  void use_after_close(Choices& choices);
  void expect_refusal(uring::Task<void> call);
  void make_room(Choices& choices);
  void hang_up(Choices& choices);
  void move_writer();
  void destroy_writer();
  void change_deadline(Choices& choices);

  // --- what is known
  Writer& writer() { return *subject_->writer; }
  bool ring_gone_now() const { return subject_->ring_gone(world_); }
  // The Writer was destroyed while its call waited.
  bool writer_gone() const { return subject_ != nullptr && !subject_->writer; }
  uring::Ring* live_ring();
  // How many bytes its Writer says that it has accepted.
  uint64_t pos() const { return subject_->writer->pos() - subject_->start(); }
  bool may_be_at(uint64_t pos) const;
  void expect(bool holds, std::string_view what);
  bool may_be_error(const absl::Status& status) const;
  void call_was_cut_short();
  void look_at_sink();
  void look_at_error();
  // Whether a call has succeeded; if not, that must have a reason.
  bool went_well(const absl::Status& status);
  // Of a call whose Writer is gone meanwhile.
  void look_at_orphan(const absl::Status& status);
  // After a call that was to accept bytes.
  void look_at_position(bool accepted);

  World& world_;
  std::string name_;
  PendingCall pending_{world_, name_, [this] { call_was_cut_short(); }};
  std::unique_ptr<WriterSubject> subject_;
  bool is_half_ = false;
  Call call_;
  uint64_t accepted_ = 0;  // by all that was answered
  uint64_t largest_owned_ = 0;
  bool closed_ = false;
  bool shut_down_ = false;
  bool error_told_ = false;  // by a call that returned it
  std::optional<uring::TimePoint> deadline_;
  absl::Status error_;  // of the sink, once it was seen
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_WRITER_ACTOR_H_
