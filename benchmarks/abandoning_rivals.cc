#include "benchmarks/abandoning_rivals.h"

#include <liburing.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "benchmarks/abandonment.h"
#include "benchmarks/aligned_memory.h"
#include "benchmarks/die.h"
#include "benchmarks/streams.h"

namespace bench {
namespace {

constexpr size_t kBuffer = size_t{16} << 10;
constexpr unsigned kEntries = 256;

enum class OnAbandon { kWait, kKeep };

class RawStreams final : public Contestant {
 public:
  RawStreams(Scene& scene, OnAbandon on_abandon)
      : scene_(scene),
        on_abandon_(on_abandon),
        memory_(kBuffer * scene.streams.size()),
        states_(scene.streams.size(), State::kIdle) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    check("io_uring_setup", io_uring_queue_init_params(kEntries, &ring_, &params));
    const iovec all{memory_.data(), memory_.size()};
    check("registering buffers", io_uring_register_buffers(&ring_, &all, 1));
    std::vector<int> fds;
    for (size_t i = 0; i < scene.streams.size(); ++i) fds.push_back(scene.streams.fd(i));
    check("registering files",
          io_uring_register_files(&ring_, fds.data(), static_cast<unsigned>(fds.size())));
    check("registering the ring", io_uring_register_ring_fd(&ring_));
    for (size_t i = 0; i < scene.streams.size(); ++i) request_read(i);
  }
  // Nothing is in flight behind collect().
  ~RawStreams() override { io_uring_queue_exit(&ring_); }

  void wait() override {
    submit();
    if (on_abandon_ == OnAbandon::kKeep) return;
    for (size_t i = 0; i < states_.size(); ++i) {
      if (scene_.gives_up[i] != 0) request_cancel(i);
    }
    if (due_ == 0) return;
    while (due_ > 0) {
      enter(due_);
      reap();
    }
    for (size_t i = 0; i < states_.size(); ++i) {
      if (scene_.gives_up[i] != 0) request_read(i);
    }
    submit();
  }

  void collect() override {
    while (scene_.streams.unread() > 0) {
      // How many messages have come, nobody can know.
      enter(1);
      reap();
    }
  }

  CancelCosts costs() const override { return {enters_, cancels_, 0}; }

 private:
  enum class State : uint8_t { kIdle, kInFlight, kCancelled };
  static constexpr uint64_t kAnswersCancel = 1;

  static void check(std::string_view what, int result) {
    if (result < 0) die(what, -result);
  }
  static uint64_t user_data(size_t stream) { return uint64_t{stream} << 1; }
  char* buffer(size_t stream) const { return memory_.data() + stream * kBuffer; }

  void submit() {
    if (io_uring_sq_ready(&ring_) == 0) return;
    check("io_uring_enter", io_uring_submit(&ring_));
    ++enters_;
  }

  void request_read(size_t stream) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
    const auto file = static_cast<int>(stream);
    if (scene_.streams.kind() == StreamKind::kSocket) {
      io_uring_prep_recv(sqe, file, buffer(stream), kBuffer, 0);
    } else {
      io_uring_prep_read_fixed(sqe, file, buffer(stream), kBuffer, 0, 0);
    }
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = user_data(stream);
    states_[stream] = State::kInFlight;
  }

  void request_cancel(size_t stream) {
    io_uring_sqe* const sqe = io_uring_get_sqe(&ring_);
    io_uring_prep_cancel64(sqe, user_data(stream), 0);
    sqe->user_data = user_data(stream) | kAnswersCancel;
    states_[stream] = State::kCancelled;
    due_ += 2;
    ++cancels_;
  }

  void enter(unsigned completions) {
    const int result = io_uring_submit_and_wait(&ring_, completions);
    if (result < 0 && result != -EINTR) die("io_uring_enter", -result);
    ++enters_;
  }

  void reap() {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++count;
      if ((cqe->user_data & kAnswersCancel) != 0) {
        --due_;
      } else {
        read_completed(static_cast<size_t>(cqe->user_data >> 1), cqe->res);
      }
    }
    io_uring_cq_advance(&ring_, count);
  }

  void read_completed(size_t stream, int result) {
    const bool cancelled = states_[stream] == State::kCancelled;
    if (cancelled) --due_;
    states_[stream] = State::kIdle;
    if (cancelled && result == -ECANCELED) return;
    if (result <= 0) die("reading through io_uring", -result);
    scene_.streams.take(stream, std::string_view(buffer(stream), static_cast<size_t>(result)));
    if (!cancelled) request_read(stream);
  }

  Scene& scene_;
  OnAbandon on_abandon_;
  AlignedMemory memory_;
  io_uring ring_{};
  std::vector<State> states_;
  unsigned due_ = 0;  // Completions of cancels, and of what they cancel.
  uint64_t enters_ = 0;
  uint64_t cancels_ = 0;
};

}  // namespace

std::unique_ptr<Contestant> raw_uring_waits(Scene& scene) {
  return std::make_unique<RawStreams>(scene, OnAbandon::kWait);
}

std::unique_ptr<Contestant> raw_uring_keeps(Scene& scene) {
  return std::make_unique<RawStreams>(scene, OnAbandon::kKeep);
}

}  // namespace bench
