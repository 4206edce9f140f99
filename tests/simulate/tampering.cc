#include "tests/simulate/tampering.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "uring/kernel.h"
#include "uring/testing/sim_copy.h"

namespace bufio::simulate {
namespace {

// What becomes of a completion that says that bytes were read to where the entry says. True if
// anything did.
using Tamper = bool (*)(const io_uring_sqe& entry, io_uring_cqe& completion);

class TamperedKernel final : public uring::Kernel {
 public:
  TamperedKernel(uring::Kernel& inner, Tamper tamper) : inner_(inner), tamper_(tamper) {}

  uring::TimePoint now() const override { return inner_.now(); }
  int set_up(unsigned entries, io_uring_params& params, io_uring& ring) override {
    return inner_.set_up(entries, params, ring);
  }
  int register_with(io_uring& ring, unsigned opcode, const void* argument,
                    unsigned count) override {
    return inner_.register_with(ring, opcode, argument, count);
  }
  void tear_down(io_uring& ring) override { inner_.tear_down(ring); }

  int enter(io_uring& ring, unsigned to_submit, unsigned min_complete, unsigned flags,
            const __kernel_timespec* timeout) override {
    for (unsigned at = *ring.sq.khead; at != *ring.sq.ktail; ++at) {
      entries_.push_back(ring.sq.sqes[at & ring.sq.ring_mask]);
    }
    const unsigned seen = *ring.cq.khead;
    const int result = inner_.enter(ring, to_submit, min_complete, flags, timeout);
    for (unsigned at = seen; at != *ring.cq.ktail; ++at) {
      look_at(ring.cq.cqes[at & ring.cq.ring_mask]);
    }
    return result;
  }

 private:
  static constexpr int kThird = 3;

  void look_at(io_uring_cqe& completion) {
    const auto entry = std::find_if(
        entries_.rbegin(), entries_.rend(),
        [&completion](const io_uring_sqe& e) { return e.user_data == completion.user_data; });
    if (entry == entries_.rend() || completion.res <= 0 || done_) return;
    const bool reads = entry->opcode == IORING_OP_READ || entry->opcode == IORING_OP_READ_FIXED ||
                       entry->opcode == IORING_OP_RECV;
    if (reads && ++reads_ >= kThird) done_ = tamper_(*entry, completion);
  }

  uring::Kernel& inner_;
  Tamper tamper_;
  std::vector<io_uring_sqe> entries_;
  int reads_ = 0;
  bool done_ = false;
};

// The system as it is, but for its kernel.
class TamperedSystem final : public System {
 public:
  TamperedSystem(std::unique_ptr<System> inner, Tamper tamper)
      : inner_(std::move(inner)), kernel_(inner_->kernel(), tamper) {
    inner_->on_idle = [this] { return on_idle && on_idle(); };
  }

  uring::Kernel& kernel() override { return kernel_; }
  std::pmr::memory_resource& memory() override { return inner_->memory(); }
  bool fixed_buffers() const override { return inner_->fixed_buffers(); }
  void advance(std::chrono::nanoseconds by) override { inner_->advance(by); }
  int make_file(const std::string& text) override { return inner_->make_file(text); }
  int make_stream(StreamKind kind, std::unique_ptr<FarEnd>& far_end) override {
    return inner_->make_stream(kind, far_end);
  }
  int make_sink(StreamKind kind, size_t room, std::unique_ptr<Outlet>& outlet) override {
    return inner_->make_sink(kind, room, outlet);
  }
  int make_connection(size_t room, std::unique_ptr<FarEnd>& far_end,
                      std::unique_ptr<Outlet>& outlet) override {
    return inner_->make_connection(room, far_end, outlet);
  }
  int make_output(const std::string& text, bool appends, std::unique_ptr<Outlet>& outlet) override {
    return inner_->make_output(text, appends, outlet);
  }
  void passed_on(int fd) override { inner_->passed_on(fd); }
  uring::SocketAddress make_address(bool tcp) override { return inner_->make_address(tcp); }
  bool has_network() const override { return inner_->has_network(); }
  bool step() override { return inner_->step(); }
  bool hold(bool held) override { return inner_->hold(held); }
  bool held() const override { return inner_->held(); }
  void finish_torn_down() override { inner_->finish_torn_down(); }
  size_t in_flight() const override { return inner_->in_flight(); }
  size_t live_blocks() const override { return inner_->live_blocks(); }
  bool may_fail_with(int error) const override { return inner_->may_fail_with(error); }
  bool may_get_stuck() const override { return inner_->may_get_stuck(); }
  bool lies() const override { return inner_->lies(); }
  std::string complaints() const override { return inner_->complaints(); }
  std::string describe() const override { return inner_->describe() + ", tampered with"; }
  void record() override { inner_->record(); }
  std::vector<std::string> take_trace() override { return inner_->take_trace(); }

 private:
  std::unique_ptr<System> inner_;
  TamperedKernel kernel_;
};

Sabotage with(Tamper tamper) {
  return [tamper](std::unique_ptr<System> system) -> std::unique_ptr<System> {
    return std::make_unique<TamperedSystem>(std::move(system), tamper);
  };
}

}  // namespace

Sabotage corrupt_a_byte() {
  return with([](const io_uring_sqe& entry, io_uring_cqe&) {
    if ((entry.flags & IOSQE_BUFFER_SELECT) != 0) return false;  // the kernel knows where
    char byte;
    auto* const place = reinterpret_cast<char*>(entry.addr);
    uring::testing::kernel_copy(&byte, place, 1);
    byte = static_cast<char>(byte ^ 1);
    uring::testing::kernel_copy(place, &byte, 1);
    return true;
  });
}

Sabotage lose_a_byte() {
  return with([](const io_uring_sqe& entry, io_uring_cqe& completion) {
    const bool stream = entry.opcode == IORING_OP_RECV || entry.off == UINT64_MAX;
    if (!stream || completion.res < 2) return false;
    --completion.res;
    return true;
  });
}

Sabotage end_early() {
  return with([](const io_uring_sqe&, io_uring_cqe& completion) {
    completion.res = 0;
    return true;
  });
}

Sabotage lose_a_completion() {
  return with([](const io_uring_sqe&, io_uring_cqe& completion) {
    completion.user_data = UINT64_MAX << 1;
    return true;
  });
}

Sabotage end_the_process() {
  return with([](const io_uring_sqe&, io_uring_cqe&) {
    std::raise(SIGABRT);
    return true;
  });
}

}  // namespace bufio::simulate
