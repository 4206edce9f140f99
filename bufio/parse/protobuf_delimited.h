// bufio/parse/protobuf_delimited.h
//
// Protobuf messages, each behind its length as a varint: what writeDelimitedTo of other languages
// and SerializeDelimitedToZeroCopyStream write.
//
//   bufio::Messages<bufio::ProtobufDelimitedParser<Event>> events(reader);
//   for (;;) {
//     auto event = co_await events.next();        // optional<Event*>
//     if (!event) break;
//     use(**event);
//   }
//
// A message is parsed straight out of the Reader's buffer. It is the parser's own, used again for
// the next one, so that its memory is, too: take what you keep out of it (Swap, std::move).
//
//   errors   InvalidArgument: a length that is no varint (varint.h), bytes that are no such
//   message, or lack a
//            required field. ResourceExhausted: max_message. DataLoss (parse_call.h): cut off.
//
// The Reader must be allowed to buffer a whole message (ReaderOptions::max_buffer_size).

#ifndef BUFIO_PARSE_PROTOBUF_DELIMITED_H_
#define BUFIO_PARSE_PROTOBUF_DELIMITED_H_

#include <google/protobuf/message_lite.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "bufio/parse/varint.h"
#include "bufio/parser.h"

namespace bufio {

struct ProtobufDelimitedOptions {
  // Without its length. At most 2 GiB, which is protobuf's own limit.
  size_t max_message = size_t{1} << 20;
};

template <std::derived_from<google::protobuf::MessageLite> M>
class ProtobufDelimitedParser {
 public:
  using value_type = M*;

  explicit ProtobufDelimitedParser(ProtobufDelimitedOptions options = {}) : options_(options) {}

  ParseResult<M*> parse(std::string_view view, size_t /*examined*/, bool /*final*/) {
    const ParseResult<uint64_t> length = VarintParser().parse(view, 0, false);
    if (length.kind() == ParseKind::kError) {
      return ParseError(length.status(), length.error_offset());
    }
    if (!length.is_value()) return NeedMore(view.size());
    if (length.value() > options_.max_message || length.value() > kMostOfProtobuf) {
      return ParseError(absl::ResourceExhaustedError("a message longer than allowed"));
    }
    const size_t header = length.consumed();
    const size_t size = header + static_cast<size_t>(length.value());
    if (view.size() < size) return NeedMore(view.size(), size);
    // Required fields are checked here, since protobuf would write to the log, too.
    if (!message_.ParsePartialFromArray(view.data() + header, static_cast<int>(length.value())) ||
        !message_.IsInitialized()) {
      return ParseError(absl::InvalidArgumentError("bytes that are no such message"), header);
    }
    return {&message_, size};
  }

 private:
  static constexpr size_t kMostOfProtobuf = 0x7fffffff;

  ProtobufDelimitedOptions options_;
  M message_;
};

}  // namespace bufio

#endif  // BUFIO_PARSE_PROTOBUF_DELIMITED_H_
