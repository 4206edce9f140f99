// tests/simulate/reader_actor.h
//
// Uses one Reader after the other, in every way there is, and knows what each must answer.
//
// A call is made in one step and looked at in later ones, while others act: it may be cancelled in
// each of the ways there are, see its Reader moved, destroyed or interrupted, and its Ring go.
// Meanwhile the Reader's window must show the text at its cursor, whatever happens, and what was
// lent must stay as it was.

#ifndef TESTS_SIMULATE_READER_ACTOR_H_
#define TESTS_SIMULATE_READER_ACTOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tests/simulate/actor.h"
#include "tests/simulate/reader_oracle.h"
#include "tests/simulate/reader_subject.h"
#include "tests/simulate/world.h"
#include "uring/task.h"
#include "uring/time.h"

namespace bufio::simulate {

class ReaderActor final : public Actor {
 public:
  ReaderActor(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  ~ReaderActor() override;

  std::string name() const override { return name_; }
  void act(Choices& choices) override;
  void check() override;
  bool wind_up() override;
  void let_go() override;

  // Uses this one, half of a Stream, and nothing after it.
  void use(std::unique_ptr<ReaderSubject> half);
  bool done() const { return subject_ == nullptr; }

 private:
  friend class ReaderCalls;

  // The call that was made and has not been looked at since it ended.
  struct Call {
    uring::Task<void> task;
    uint64_t number = 0;
    uint64_t from = 0;        // the cursor when it began
    uint64_t most = 0;        // how far the cursor may be moved while it waits
    uint64_t most_after = 0;  // and stay when it is cancelled
    bool race_over = false;   // ends the referee of the race that it runs in
    bool has_deadline = false;
    bool interrupted = false;
    bool several = false;  // calls, one after the other
  };

  // --- steps
  void begin_reader(Choices& choices);
  void take_up(std::unique_ptr<ReaderSubject> subject, uint64_t pos);
  void drop_subject();
  void act_on_call(Choices& choices);
  void act_freely(Choices& choices);
  void make_call(Choices& choices);
  // `most` and `most_after` as in Call.
  void start(uring::Task<void> body, uint64_t most, uint64_t most_after, Choices& choices,
             bool several = false);
  void call_lines(Choices& choices);
  void cancel_call(std::string_view how);
  void collect_call();
  void call_twice(Choices& choices);
  void consume(Choices& choices);
  void seek(Choices& choices);
  void ask_size();
  void move_reader();
  void destroy_reader(Choices& choices);
  void feed();
  void end_call_without_ring(Choices& choices);
  void use_after_close();
  void expect_refusal(uring::Task<void> call);
  void change_deadline(Choices& choices);

  // --- what is known
  Reader& reader() { return *subject_->reader; }
  bool ring_gone_now() const { return subject_->ring_gone(world_); }
  // The Reader was destroyed while its call waited.
  bool reader_gone() const { return subject_ != nullptr && !subject_->reader; }
  bool calling() const { return static_cast<bool>(call_.task); }
  uring::Ring* live_ring();
  Situation situation() const;
  void expect(bool holds, std::string_view what);
  uint64_t text_end() const { return std::max<uint64_t>(pos_, subject_->text->size()); }
  bool may_be_error(const absl::Status& status) const;
  // Takes over where the cursor is, after a call that has not told.
  void look_at_position();
  void call_was_cut_short();
  void look_at_end();
  // Reports what a comparison says; nothing if it is empty.
  void expect_agreement(const std::string& mismatch);
  // Whether a call that did not succeed is explained by what was done to it from outside, or by an
  // error of its source. `answerable`: the buffered bytes would have done.
  bool excused(const absl::Status& status, bool answerable);
  void lend(std::string_view view);
  void end_loans() {
    lent_ = {};
    lent_bytes_.clear();
  }

  World& world_;
  std::string name_;
  std::unique_ptr<ReaderSubject> subject_;
  // On the descriptor that the subject's Reader has released, and where it begins.
  std::unique_ptr<ReaderSubject> next_subject_;
  uint64_t next_pos_ = 0;
  bool is_half_ = false;
  Call call_;
  uint64_t calls_ = 0;
  uint64_t pos_ = 0;  // where the cursor is, by all that was answered
  bool closed_ = false;
  std::optional<uring::TimePoint> deadline_;
  absl::Status error_;  // of the source, once it was seen
  // The source had ended, and had been asked so often.
  std::optional<uint64_t> reads_at_end_;
  // A view that was handed out, and what it showed.
  std::string_view lent_;
  std::string lent_bytes_;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_READER_ACTOR_H_
