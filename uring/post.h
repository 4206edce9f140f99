// uring/post.h
//
// Hands work to a Ring from any thread.
//
//   absl::StatusOr<uring::Poster> poster = uring::Poster::create(ring);   // on the Ring's thread
//   …
//   bool taken = poster->post([&queue] { queue.wake(); });                // on any thread
//
// What is posted runs on the Ring's thread, from its loop and never within a coroutine, in a coming
// turn, each once and those of one thread in order. It must not block and must not run the loop.
//
//   outcomes  true: it will run, unless the Ring is destroyed first; then it is destroyed unrun, on
//             the thread that destroys the Ring. false: the Ring is gone (or this is a forked
//             child, or an empty Poster); it was not run and is destroyed before post returns.
//   cost      an allocation and a lock; one write(2) if the loop sleeps, none while it is busy. The
//             Ring keeps one read of an eventfd in flight while it has Posters; one that never had
//             any pays nothing.
//   threads   all but create() may be called on any, at any time, also while the Ring is destroyed
//
// A Poster is copied freely and may outlive the Ring. While there is one, the loop may wait for
// posts alone. A Ring with Posters must be destroyed on its own thread, or it is leaked.

#ifndef URING_POST_H_
#define URING_POST_H_

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/statusor.h"
#include "uring/mailbox.h"
#include "uring/ring.h"

namespace uring {

class Poster {
 public:
  // The errors are those of eventfd(2), with errno_of, and FailedPrecondition. One system call, for
  // the first of a Ring.
  static absl::StatusOr<Poster> create(Ring& ring) { return create(ring.core()); }
  static absl::StatusOr<Poster> create(RingCore& core);

  // Empty: there is no Ring to post to.
  Poster() = default;
  Poster(const Poster& other);
  Poster(Poster&& other) noexcept = default;
  Poster& operator=(Poster other) noexcept {
    mailbox_.swap(other.mailbox_);
    return *this;
  }
  ~Poster();

  template <std::invocable F>
  bool post(F&& work) const {
    auto call = std::make_unique<Call<std::decay_t<F>>>(std::forward<F>(work));
    if (!post_node(*call)) return false;
    static_cast<void>(call.release());  // it deletes itself, and may have already
    return true;
  }

  // For those who have a node of their own: Mailbox::post and take_back.
  bool post_node(Posted& posted) const { return mailbox_ && mailbox_->post(posted); }
  void take_back(Posted& posted) const {
    if (mailbox_) mailbox_->take_back(posted);
  }

 private:
  template <class F>
  class Call final : public Posted {
   public:
    template <class G>
    explicit Call(G&& work) : work_(std::forward<G>(work)) {}

   private:
    void run() override {
      const std::unique_ptr<Call> self(this);
      std::move(work_)();
    }
    void discard() override { delete this; }

    F work_;
  };

  explicit Poster(std::shared_ptr<Mailbox> mailbox);

  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace uring

#endif  // URING_POST_H_
