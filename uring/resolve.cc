#include "uring/resolve.h"

#include <netdb.h>

#include <cerrno>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "uring/post.h"
#include "uring/status.h"
#include "uring/waiter.h"

namespace uring {
namespace {

using Addresses = absl::StatusOr<std::vector<SocketAddress>>;

// One lookup: the request goes to a resolver thread, the answer comes back to the Ring's. Neither
// touches what is the other's, and whoever is last may free it.
struct Lookup {
  std::string host;
  uint16_t port = 0;
  Poster poster;
  Addresses answer = absl::UnknownError("not looked up");  // of the resolver, until it is posted
  // The Ring's; what is posted runs only while it lives.
  RingCore* ring = nullptr;
  Waiter waiter;
  bool answered = false;
  bool waited_for = false;
};

absl::Status lookup_error(const std::string& host, int error) {
  if (error == EAI_SYSTEM) return errno_status(errno, "resolve", host);
  absl::StatusCode code = absl::StatusCode::kUnknown;
  if (error == EAI_NONAME || error == EAI_NODATA) code = absl::StatusCode::kNotFound;
  if (error == EAI_AGAIN) code = absl::StatusCode::kUnavailable;
  if (error == EAI_MEMORY) code = absl::StatusCode::kResourceExhausted;
  return absl::Status(code, absl::StrCat("resolve ", host, ": ", gai_strerror(error)));
}

Addresses look_up(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return lookup_error(host, error);
  std::vector<SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    addresses.emplace_back(at->ai_addr, at->ai_addrlen);
  }
  freeaddrinfo(found);
  if (addresses.empty()) return lookup_error(host, EAI_NONAME);
  return addresses;
}

// The threads of the process that look names up. Never destroyed: they may be at work when the
// process ends.
class Resolvers {
 public:
  static Resolvers& get() {
    static auto* const resolvers = new Resolvers;
    return *resolvers;
  }

  void add(std::shared_ptr<Lookup> lookup) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(lookup));
    if (idle_ < static_cast<int>(queue_.size()) && threads_ < kMaxResolvers) {
      ++threads_;
      std::thread([this] { work(); }).detach();
    }
    wanted_.notify_one();
  }

 private:
  [[noreturn]] void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wanted_.wait(lock, [this] { return !queue_.empty(); });
      --idle_;
      std::shared_ptr<Lookup> lookup = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      lookup->answer = look_up(lookup->host, lookup->port);
      const Poster poster = std::move(lookup->poster);
      poster.post([lookup = std::move(lookup)] {
        lookup->answered = true;
        if (lookup->waited_for) lookup->ring->make_ready(lookup->waiter);
      });
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<std::shared_ptr<Lookup>> queue_;
  int threads_ = 0;
  int idle_ = 0;
};

class LookupAwaiter {
 public:
  explicit LookupAwaiter(std::shared_ptr<Lookup> lookup) : lookup_(std::move(lookup)) {}
  LookupAwaiter(const LookupAwaiter&) = delete;
  LookupAwaiter& operator=(const LookupAwaiter&) = delete;
  ~LookupAwaiter() {
    lookup_->waited_for = false;
    lookup_->waiter.unlink();
  }

  bool await_ready() const { return lookup_->answered; }
  void await_suspend(std::coroutine_handle<> waiting) {
    lookup_->waiter.set_handle(waiting);
    lookup_->waited_for = true;
  }
  Addresses await_resume() { return std::move(lookup_->answer); }

 private:
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace

Task<Addresses> resolve(Ring& ring, std::string host, uint16_t port) {
  absl::StatusOr<SocketAddress> numeric = SocketAddress::ip(host, port);
  if (numeric.ok()) co_return std::vector<SocketAddress>(1, *numeric);
  if (host.empty() || host.find('\0') != std::string::npos)
    co_return absl::InvalidArgumentError("resolve: this can be no host name");
  absl::StatusOr<Poster> poster = Poster::create(ring);
  if (!poster.ok()) co_return annotate(poster.status(), "resolve " + host);
  auto lookup = std::make_shared<Lookup>();
  lookup->host = std::move(host);
  lookup->port = port;
  lookup->poster = *std::move(poster);
  lookup->ring = &ring.core();
  Resolvers::get().add(lookup);
  LookupAwaiter awaiter(std::move(lookup));
  Addresses addresses = co_await awaiter;
  co_return addresses;
}

Task<absl::StatusOr<Socket>> connect_host(Ring& ring, std::string host, uint16_t port,
                                          SocketOptions options) {
  Addresses addresses = co_await resolve(ring, std::move(host), port);
  if (!addresses.ok()) co_return std::move(addresses).status();
  absl::Status failure;
  for (const SocketAddress& address : *addresses) {
    absl::StatusOr<Socket> socket = co_await connect(ring, address, options);
    if (socket.ok()) co_return std::move(socket);
    failure = std::move(socket).status();
  }
  co_return failure;
}

}  // namespace uring
