// bufio/testing/messages_run.h
//
// What a parser makes of input that arrives in pieces, by the real drivers.

#ifndef BUFIO_TESTING_MESSAGES_RUN_H_
#define BUFIO_TESTING_MESSAGES_RUN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "bufio/messages.h"
#include "bufio/parse_memory.h"
#include "bufio/parser.h"
#include "bufio/reader.h"
#include "bufio/source.h"
#include "bufio/testing/cancel_every.h"
#include "bufio/testing/parser_run.h"
#include "bufio/testing/run_at_once.h"
#include "bufio/testing/scripted_source.h"
#include "bufio/testing/split.h"
#include "bufio/testing/view_memory.h"
#include "uring/block_on.h"
#include "uring/ring.h"
#include "uring/task.h"

namespace bufio::testing {
namespace internal {

template <Parser P, class Print>
uring::Task<void> read_messages(Reader& reader, Messages<P>& messages, Print& print, bool in_bulk,
                                ParserRun& run) {
  for (;;) {
    auto message = co_await messages.next();
    if (!message.has_value()) break;
    run.messages.push_back({print(*message), reader.pos()});
    if (!in_bulk) continue;
    messages.for_each_buffered([&](typename P::value_type& value) {
      run.messages.push_back({print(value), reader.pos()});
    });
  }
  run.status = messages.status();
}

template <Parser P, class Print>
uring::Task<void> read_cancelled(Messages<P>& messages, Print& print, CancelEvery& cancels,
                                 ParserRun& run) {
  auto next = [&messages] { return messages.next(); };
  for (;;) {
    auto message = co_await cancels.call(next);
    if (!message.has_value()) break;
    run.messages.push_back({print(*message), 0});
  }
  run.status = messages.status();
}

}  // namespace internal

// By Messages, over a Reader of scripted pieces; `in_bulk`: with for_each_buffered() wherever it
// may be called. Only messages and the status' code are filled in.
template <Parser P, class Print = PrintValue>
ParserRun run_messages(P parser, const Split& split, Print print = {}, bool in_bulk = false) {
  ParserRun run;
  Reader reader = read_source(scripted(split));
  Messages<P> messages(reader, std::move(parser));
  run_at_once(internal::read_messages(reader, messages, print, in_bulk, run));
  return run;
}

// By Messages over a stream that keeps it waiting; every next() is given up after `turns` turns of
// the loop, and made again. `gives_up`, if there is one, counts those. Only messages' values and
// the status' code are filled in.
template <Parser P, class Print = PrintValue>
ParserRun run_messages_cancelled(uring::Ring& ring, P parser, const Split& split, Print print = {},
                                 size_t turns = 1, size_t* gives_up = nullptr) {
  ParserRun run;
  Reader reader = read_source(ring, scripted(ring, Script::stalling(split, 2)));
  Messages<P> messages(reader, std::move(parser));
  CancelEvery cancels(ring, 1, turns);
  uring::block_on(ring, internal::read_cancelled(messages, print, cancels, run));
  if (gives_up != nullptr) *gives_up += cancels.given_up();
  return run;
}

// By parse_memory. Only the messages' values and the status' code are filled in.
template <Parser P, class Print = PrintValue>
ParserRun run_memory(P parser, std::string_view input, Print print = {}, bool padded = false) {
  ParserRun run;
  ViewMemory memory(padded);
  run.status = parse_memory(memory.show(input), parser, [&](typename P::value_type& value) {
    run.messages.push_back({print(value), 0});
  });
  return run;
}

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_MESSAGES_RUN_H_
