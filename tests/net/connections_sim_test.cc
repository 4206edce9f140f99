// Listeners, connecting, and Streams over what they bring, in random programs over the simulated
// kernel: calls, connections, the listener and the Ring go at any moment.
//
// Both ends of each connection say the beginning of the same text, so what is heard is known
// without knowing from whom. No descriptor may be left behind, and none be used after it was
// closed.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bufio/fill_call.h"
#include "bufio/stream.h"
#include "gtest/gtest.h"
#include "tests/reader_testing.h"
#include "uring/block_on.h"
#include "uring/listener.h"
#include "uring/ring.h"
#include "uring/sleep.h"
#include "uring/socket.h"
#include "uring/socket_address.h"
#include "uring/testing/choices.h"
#include "uring/testing/sim_kernel.h"
#include "uring/testing/sim_memory.h"

namespace bufio {
namespace {

using std::chrono::microseconds;
using testing::Started;
using uring::testing::SeededChoices;
using uring::testing::SimKernel;
using uring::testing::SimKnobs;
using uring::testing::SimMemory;

constexpr uint64_t kSeeds = 400;
constexpr size_t kMostCalls = 4;
constexpr size_t kMostPeers = 6;

char letter(uint64_t i) { return static_cast<char>('a' + i % 23); }

size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

SimKnobs knobs_of(SeededChoices& choices) {
  SimKnobs knobs = uring::testing::random_knobs(choices);
  knobs.drop_one_in = 0;  // what a Ring leaks, a descriptor too, is no finding here
  return knobs;
}

class Program {
 public:
  explicit Program(uint64_t seed)
      : before_(open_descriptors()), choices_(seed), kernel_(choices_, knobs_of(choices_)) {
    kernel_.watch(memory_);
    uring::RingOptions options;
    options.kernel = &kernel_;
    options.entries = 8;
    options.completion_entries = 32;
    options.buffer_memory = &memory_;
    options.buffer_cache_bytes = 0;
    absl::StatusOr<uring::Ring> ring = uring::Ring::create(std::move(options));
    EXPECT_TRUE(ring.ok()) << ring.status();
    if (ring.ok()) ring_.emplace(*std::move(ring));
  }

  void run() {
    const uint32_t steps = choices_.between(10, 120);
    for (uint32_t i = 0; ring_ && i < steps && !::testing::Test::HasFailure(); ++i) step();
    if (choices_.one_in(2)) ring_.reset();
    calls_.clear();
    if (choices_.one_in(2)) listener_.reset();
    peers_.clear();
    listener_.reset();
    ring_.reset();
    EXPECT_EQ(kernel_.violations(), std::vector<std::string>{});
    EXPECT_EQ(kernel_.in_flight(), 0u);
    EXPECT_EQ(memory_.live_blocks(), 0u);
    EXPECT_EQ(open_descriptors(), before_) << "a descriptor was left behind";
  }

 private:
  using Accepting = Started<uring::AcceptCall>;
  using Connecting = Started<uring::ConnectAwaiter>;
  // One of the two.
  struct Call {
    std::unique_ptr<Accepting> accepting;
    std::unique_ptr<Connecting> connecting;

    bool ended() const { return accepting ? accepting->ended() : connecting->ended(); }
    absl::StatusOr<uring::Socket> result() {
      return accepting ? accepting->result() : connecting->result();
    }
  };
  struct Peer {
    explicit Peer(const uring::Socket& socket)
        : stream(open_stream(socket, {}, {.on_drop = [](const DroppedBytes&) {}})) {}

    Stream stream;
    uint64_t said = 0;
    uint64_t heard = 0;
    std::unique_ptr<Started<FillCall>> listening;  // destroyed before what it reads from
  };

  void step() {
    collect();
    switch (choices_.below(14)) {
      case 0:
      case 1:
      case 2:
        return uring::block_on(*ring_, uring::sleep_for(*ring_, microseconds(choices_.below(900))));
      case 3:
        static_cast<void>(kernel_.step());
        return;
      case 4:
        if (!listener_ || choices_.one_in(6)) return listen();
        if (choices_.one_in(4)) listener_.reset();
        return;
      case 5:
      case 6:
        if (!listener_ || calls_.size() == kMostCalls) return;
        calls_.push_back({std::make_unique<Accepting>(listener_->accept()), nullptr});
        return;
      case 7:
      case 8:
        if (path_.empty() || calls_.size() == kMostCalls) return;
        calls_.push_back({nullptr, std::make_unique<Connecting>(uring::connect(
                                       *ring_, *uring::SocketAddress::unix_path(path_)))});
        return;
      case 9:
        if (calls_.empty()) return;
        calls_.erase(std::next(calls_.begin(), choices_.below(size_of(calls_))));
        return;
      default:
        return act_on_a_peer();
    }
  }

  template <class List>
  static uint32_t size_of(const List& list) {
    return static_cast<uint32_t>(list.size());
  }

  void listen() {
    static uint64_t names = 0;
    path_ = "@connections-sim-" + std::to_string(getpid()) + "-" + std::to_string(++names);
    uring::ListenOptions options;
    options.max_pending = 1 + choices_.below(3);
    options.backlog = 4;
    listener_.reset();
    absl::StatusOr<uring::UnixListener> listener =
        uring::UnixListener::listen(*ring_, path_, options);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_.emplace(*std::move(listener));
  }

  // Whoever has got a connection has a peer.
  void collect() {
    for (auto call = calls_.begin(); call != calls_.end();) {
      if (!call->ended()) {
        ++call;
        continue;
      }
      absl::StatusOr<uring::Socket> socket = call->result();
      if (socket.ok() && peers_.size() < kMostPeers) {
        peers_.push_back(std::make_unique<Peer>(*socket));
      }
      call = calls_.erase(call);
    }
  }

  void act_on_a_peer() {
    if (peers_.empty()) return;
    const size_t number = choices_.below(size_of(peers_));
    Peer& peer = *peers_[number];
    hear(peer);
    switch (choices_.below(6)) {
      case 0:
        peers_.erase(peers_.begin() + static_cast<ptrdiff_t>(number));
        return;
      case 1:
        peer.listening.reset();
        return;
      case 2:
      case 3:
        return say(peer);
      default:
        if (!peer.listening) {
          peer.listening = std::make_unique<Started<FillCall>>(peer.stream.reader.fill_buf());
        }
    }
  }

  void say(Peer& peer) {
    std::string text;
    const uint32_t size = choices_.below(50);
    for (uint32_t i = 0; i < size; ++i) text.push_back(letter(peer.said + i));
    Started call(peer.stream.writer.write(text));
    if (call.ended() && call.result().ok()) peer.said += size;
  }

  void hear(Peer& peer) {
    if (!peer.listening || !peer.listening->ended()) return;
    absl::StatusOr<std::string_view> view = peer.listening->result();
    if (view.ok()) {
      for (const char byte : *view) ASSERT_EQ(byte, letter(peer.heard++));
      peer.stream.reader.consume(view->size());
    }
    peer.listening.reset();
  }

  const size_t before_;
  SeededChoices choices_;
  SimMemory memory_;
  SimKernel kernel_;
  std::optional<uring::Ring> ring_;
  std::string path_;
  std::optional<uring::UnixListener> listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::list<Call> calls_;  // destroyed before what they wait for
};

TEST(ConnectionsSim, NothingIsLostAndNothingLeftBehindOnAnySeed) {
  for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Program(seed).run();
  }
}

}  // namespace
}  // namespace bufio
