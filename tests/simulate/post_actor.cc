#include "tests/simulate/post_actor.h"

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "uring/spawn.h"
#include "uring/status.h"

namespace bufio::simulate {

// Something that is posted; it posts another when it runs if it is told to.
class PostActor::Letter {
 public:
  Letter(std::shared_ptr<Record> record, std::optional<uring::Poster> answer_to)
      : record_(std::move(record)), answer_to_(std::move(answer_to)), number_(record_->posted) {}
  Letter(Letter&&) noexcept = default;
  Letter& operator=(Letter&&) = delete;
  ~Letter() {
    if (record_) ++record_->destroyed;
  }

  void operator()() {
    if (number_ != record_->run++) record_->world.fail(record_->name + ": another one was due");
    if (answer_to_) deliver(record_, *answer_to_, /*again=*/false);
  }

 private:
  std::shared_ptr<Record> record_;
  std::optional<uring::Poster> answer_to_;
  uint64_t number_;
};

void PostActor::expect(bool holds, std::string_view what) {
  if (!holds) world_.fail(absl::StrCat(name_, ": ", uring::as_absl(what)));
}

void PostActor::deliver(const std::shared_ptr<Record>& record, const uring::Poster& poster,
                        bool again) {
  Letter letter(record, again ? std::optional(poster) : std::nullopt);
  ++record->posted;
  if (poster.post(std::move(letter))) return;
  record->world.fail(record->name + ": a Ring that is there takes no post");
}

uring::Task<void> PostActor::post_from_coroutine(PostActor& actor, std::shared_ptr<Record> record) {
  if (actor.record_ == record && !actor.ring_gone_now()) actor.post(/*again=*/false);
  co_return;
}

void PostActor::begin(Choices& choices) {
  let_go();
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  ring_generation_ = world_.ring_generation(ring_);
  uring::Ring* ring = world_.ring(ring_);
  if (ring == nullptr) return;
  absl::StatusOr<uring::Poster> poster = uring::Poster::create(*ring);
  if (!poster.ok()) return expect(false, poster.status().ToString());
  world_.note(name_, ": posts to ring ", ring_);
  poster_ = *std::move(poster);
  ring_goes_ = false;
  record_ = std::make_shared<Record>(world_);
  record_->name = name_;
}

void PostActor::post(bool again) {
  world_.note(name_, ": posts ", record_->posted);
  deliver(record_, poster_, again);
}

void PostActor::act(Choices& choices) {
  if (record_ == nullptr || choices.one_in(16)) return begin(choices);
  if (ring_gone_now()) {
    world_.note(name_, ": posts to a Ring that is gone");
    const uint64_t before = record_->destroyed;
    expect(!poster_.post(Letter(record_, std::nullopt)), "a Ring that is gone took a post");
    expect(record_->destroyed == before + 1, "a refused post was kept");
    return begin(choices);
  }
  switch (choices.below(6)) {
    case 0:
      world_.note(name_, ": a coroutine is to post");
      return uring::spawn(*world_.ring(ring_), post_from_coroutine(*this, record_));
    case 1: {
      world_.note(name_, ": another Poster takes over");
      uring::Poster other = poster_;
      poster_ = std::move(other);
      return;
    }
    case 2:
      return post(/*again=*/true);
    default:
      for (uint32_t posts = 1 + choices.below(3); posts > 0; --posts) post(/*again=*/false);
  }
}

// The loop sleeps, and only a post may wake it; one that is under way has done so, or nothing will.
bool PostActor::idle() {
  if (record_ == nullptr || ring_goes_ || record_->run != record_->posted) return false;
  post(/*again=*/false);
  return true;
}

void PostActor::ring_gone(size_t ring) {
  if (ring != ring_ || record_ == nullptr) return;
  expect(record_->destroyed == record_->posted, "a post outlived its Ring");
}

// Every turn runs what was posted before it.
bool PostActor::wind_up() {
  if (record_ == nullptr || ring_gone_now() || record_->run == record_->posted) return true;
  rounds_ = record_->run == run_before_ ? rounds_ + 1 : 0;
  run_before_ = record_->run;
  expect(rounds_ < kPatience, "a post was left behind");
  return false;
}

// What was posted runs nevertheless.
void PostActor::let_go() {
  poster_ = uring::Poster();
  if (record_ != nullptr && !ring_gone_now()) {
    world_.at_the_end([record = std::move(record_)]() -> std::string {
      return record->destroyed == record->posted ? "" : record->name + ": a post was forgotten";
    });
  }
  record_.reset();
}

}  // namespace bufio::simulate
