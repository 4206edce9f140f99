// benchmarks/net_asio.cc
//
// Asio's coroutines, one a connection. Built twice, by macros that are in the BUILD file: on epoll,
// and on io_uring. Started as net_rival.h says.

#if __has_include(<asio.hpp>)

#include <asio.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "benchmarks/net_rival.h"

namespace {

using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket socket, size_t buffer) {
  std::vector<char> bytes(buffer);
  asio::error_code failure;
  auto token = asio::redirect_error(asio::use_awaitable, failure);
  for (;;) {
    const size_t got = co_await socket.async_read_some(asio::buffer(bytes), token);
    if (failure) co_return;
    co_await asio::async_write(socket, asio::buffer(bytes.data(), got), token);
    if (failure) co_return;
  }
}

asio::awaitable<void> lines(tcp::socket socket, size_t buffer) {
  std::vector<char> in(buffer);
  std::vector<char> out(bench::answer_bound(buffer));
  size_t kept = 0;
  asio::error_code failure;
  auto token = asio::redirect_error(asio::use_awaitable, failure);
  for (;;) {
    const auto room = asio::buffer(in.data() + kept, in.size() - kept);
    const size_t got = co_await socket.async_read_some(room, token);
    if (failure) co_return;
    size_t written = 0;
    const size_t size = kept + got;
    const size_t used = bench::answer_lines(in.data(), size, out.data(), written);
    kept = size - used;
    std::memmove(in.data(), in.data() + used, kept);
    if (written == 0) continue;
    co_await asio::async_write(socket, asio::buffer(out.data(), written), token);
    if (failure) co_return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::RivalOptions options = bench::rival_options(argc, argv, 1);
  asio::io_context context(1);  // one thread: the hint drops locks
  for (const int fd : bench::accept_rivals_connections(options.connections)) {
    tcp::socket socket(context, tcp::v4(), fd);
    auto* const session = options.lines ? &lines : &echo;
    asio::co_spawn(context, session(std::move(socket), options.buffer), asio::detached);
  }
  context.run();
}

#else

#include "benchmarks/die.h"

int main() { bench::die("Asio is not installed", 0); }

#endif
