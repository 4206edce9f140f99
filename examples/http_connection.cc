#include "examples/http_connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bufio/descriptor.h"
#include "bufio/parse/http1.h"
#include "bufio/parse_call.h"
#include "examples/http_range.h"
#include "examples/http_target.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/status.h"

namespace http {
namespace {

using uring::as_absl;
using uring::Task;
using Clock = std::chrono::steady_clock;

constexpr int kFine = 0;
constexpr uint64_t kSmallFile = uint64_t{16} << 10;
constexpr uint64_t kPieceOfFile = uint64_t{1} << 20;
constexpr uint64_t kLastBytes = uint64_t{256} << 10;  // passed over in the end

struct Reason {
  int code;
  std::string_view phrase;
};
constexpr std::array kReasons = {
    Reason{200, "OK"},
    Reason{206, "Partial Content"},
    Reason{301, "Moved Permanently"},
    Reason{304, "Not Modified"},
    Reason{400, "Bad Request"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{408, "Request Timeout"},
    Reason{414, "URI Too Long"},
    Reason{416, "Range Not Satisfiable"},
    Reason{417, "Expectation Failed"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{503, "Service Unavailable"},
    Reason{505, "HTTP Version Not Supported"},
};

std::string_view phrase_of(int code) {
  auto known = std::find_if(kReasons.begin(), kReasons.end(),
                            [code](const Reason& each) { return each.code == code; });
  return known == kReasons.end() ? "Error" : known->phrase;
}

bool known_method(std::string_view method) {
  constexpr std::array<std::string_view, 7> kOthers = {"POST",    "PUT",   "DELETE", "CONNECT",
                                                       "OPTIONS", "TRACE", "PATCH"};
  return std::find(kOthers.begin(), kOthers.end(), method) != kOthers.end();
}

class Connection {
 public:
  Connection(uring::Ring& ring, bufio::Stream stream, server::Sessions& sessions, Site& site)
      : ring_(ring),
        reader_(std::move(stream.reader)),
        writer_(std::move(stream.writer)),
        sessions_(sessions),
        session_(sessions, reader_),
        site_(site),
        patience_(site.limits().head_timeout),
        parser_({.max_head = site.limits().max_head}) {}

  Task<void> run() {
    for (bool more = true; more;) more = co_await serve_one();
    co_await end();
  }

 private:
  // A request and its answer; false: the last one.
  Task<bool> serve_one() {
    absl::StatusOr<int> refusal = co_await receive_head();
    if (!refusal.ok()) co_return false;
    if (*refusal != kFine) {
      co_await refuse(*refusal);
      co_return false;
    }
    keep_alive_ = head_.keep_alive && !sessions_.stopping() && body_can_be_skipped();
    bool sent = co_await answer();
    if (!sent || !keep_alive_) co_return false;
    // From here on head_ refers to nothing any more.
    patience_ = site_.limits().idle_timeout;
    if (head_.content_length == 0) co_return true;
    reader_.set_deadline(Clock::now() + site_.limits().head_timeout);
    absl::StatusOr<uint64_t> skipped = co_await reader_.skip(head_.content_length);
    co_return skipped.ok() && *skipped == head_.content_length;
  }

  // The next head, as head_ has it, and kFine, or the code to refuse it with; an error: there is
  // none, and nobody to tell.
  Task<absl::StatusOr<int>> receive_head() {
    const Limits& limits = site_.limits();
    reader_.set_deadline(Clock::now() + patience_);
    for (bool begun = false;;) {
      if (sessions_.stopping() && reader_.available() == 0)
        co_return absl::CancelledError("stopping");
      absl::StatusOr<std::string_view> some = co_await reader_.fill_buf();
      if (absl::IsCancelled(some.status())) continue;
      if (!some.ok()) co_return some.status();
      if (some->empty()) co_return absl::OutOfRangeError("the peer has no more requests");
      if (!begun) reader_.set_deadline(Clock::now() + limits.head_timeout);
      begun = true;
      auto head = co_await bufio::parse_one(reader_, parser_);
      if (absl::IsCancelled(head.status())) continue;  // stopping; but this one has begun
      switch (head.status().code()) {
        case absl::StatusCode::kOk:
          if (!head->has_value()) co_return absl::OutOfRangeError("nothing but empty lines");
          head_ = **head;
          co_return kFine;
        case absl::StatusCode::kDeadlineExceeded:
          co_return 408;
        case absl::StatusCode::kInvalidArgument:
        case absl::StatusCode::kResourceExhausted:
        case absl::StatusCode::kUnimplemented:
        case absl::StatusCode::kDataLoss:  // the peer says no more
          co_return parser_.refusal();
        default:
          co_return head.status();
      }
    }
  }

  // Whether the next request can be found behind this one's body.
  bool body_can_be_skipped() const {
    if (head_.body == bufio::HttpBody::kChunked) return false;
    return head_.content_length == 0 ||
           (!head_.expects_continue && head_.content_length <= site_.limits().max_skipped_body);
  }

  // Each of these says whether the answer went out.
  Task<bool> answer() {
    if (head_.method != "GET" && head_.method != "HEAD") {
      bool sent = co_await answer_in_words(known_method(head_.method) ? 405 : 501);
      co_return sent;
    }
    std::optional<TargetPath> target = path_of_target(head_.target);
    if (!target.has_value()) {
      bool sent = co_await answer_in_words(400);
      co_return sent;
    }
    Found found = co_await site_.find(*std::move(target));
    if (found.code != 200) {
      bool sent = co_await answer_in_words(found.code);
      co_return sent;
    }
    bool sent = co_await answer_with_file(std::move(found));
    co_return sent;
  }

  Task<bool> answer_with_file(Found found) {
    Part part = part_of(head_, found.size, found.validators);
    begin_answer(part.code);
    absl::StrAppend(&answer_, "ETag: ", found.validators.etag,
                    "\r\nLast-Modified: ", http_date(found.validators.modified), "\r\n");
    if (part.code == 416) {
      absl::StrAppend(&answer_, "Content-Range: bytes */", found.size, "\r\n");
    } else if (part.code == 206) {
      absl::StrAppend(&answer_, "Content-Range: bytes ", part.first, "-",
                      part.first + part.size - 1, "/", found.size, "\r\n");
    }
    if (part.code == 200 || part.code == 206) {
      absl::StrAppend(&answer_,
                      "Accept-Ranges: bytes\r\nContent-Type: ", as_absl(content_type(found.name)),
                      "\r\n");
    }
    if (part.code != 304) absl::StrAppend(&answer_, "Content-Length: ", part.size, "\r\n");
    answer_ += "\r\n";
    bool sent = co_await send(answer_);
    if (!sent || part.size == 0 || head_.method == "HEAD") co_return sent;
    if (part.size <= kSmallFile) {
      sent = co_await send_small_file(std::move(found.file), part);
    } else {
      sent = co_await send_large_file(std::move(found.file), part);
    }
    co_return sent;
  }

  // Copied behind the head, so that both go out together, and with other answers. False, too, if
  // the file has shrunk: what was promised cannot be kept.
  Task<bool> send_small_file(uring::Ref<uring::Descriptor> descriptor, Part part) {
    bufio::Reader file = bufio::read_descriptor(ring_, std::move(descriptor));
    if (part.first > 0 && !file.seek(part.first).ok()) co_return false;
    absl::StatusOr<std::string_view> bytes = co_await file.require(part.size);
    if (!bytes.ok()) co_return false;
    bool sent = co_await send(bytes->substr(0, part.size));
    co_return sent;
  }

  // Read by the Writer when its turn comes, while we wait for the next request. By pieces, for the
  // peer's patience is measured by them.
  Task<bool> send_large_file(uring::Ref<uring::Descriptor> file, Part part) {
    while (part.size > 0) {
      writer_.set_deadline(Clock::now() + site_.limits().write_timeout);
      uint64_t piece = std::min(part.size, kPieceOfFile);
      absl::Status status = co_await writer_.write_file(file, part.first, piece);
      if (!status.ok()) co_return false;
      part.first += piece;
      part.size -= piece;
    }
    co_return true;
  }

  // A status with its phrase for a body.
  Task<bool> answer_in_words(int code) {
    const bool moved = code == 301;
    begin_answer(code);
    if (code == 405) answer_ += "Allow: GET, HEAD\r\n";
    if (moved) {
      std::string_view path = head_.target.substr(0, head_.target.find('?'));
      while (path.starts_with("//")) path.remove_prefix(1);  // which would name another host
      absl::StrAppend(&answer_, "Location: ", as_absl(path), "/\r\n");
    }
    std::string_view phrase = phrase_of(code);
    absl::StrAppend(&answer_, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: ",
                    phrase.size() + 1, "\r\n\r\n");
    if (head_.method != "HEAD") absl::StrAppend(&answer_, as_absl(phrase), "\n");
    bool sent = co_await send(answer_);
    co_return sent;
  }

  // Says what was wrong with a request, whose end cannot be known then.
  Task<void> refuse(int code) {
    head_.method = {};
    keep_alive_ = false;
    bool sent = co_await answer_in_words(code);
    static_cast<void>(sent);
  }

  void begin_answer(int code) {
    answer_.clear();
    absl::StrAppend(&answer_, "HTTP/1.1 ", code, " ", as_absl(phrase_of(code)),
                    "\r\nDate: ", site_.date(), "\r\n");
    if (!keep_alive_) {
      answer_ += "Connection: close\r\n";
    } else if (head_.minor_version == 0) {
      answer_ += "Connection: keep-alive\r\n";
    }
  }

  // Accepted by the Writer, that is, which sends it with what else this turn brings.
  Task<bool> send(std::string_view bytes) {
    writer_.set_deadline(Clock::now() + site_.limits().write_timeout);
    absl::Status status = co_await writer_.write(bytes);
    co_return status.ok();
  }

  Task<void> end() {
    writer_.set_deadline(Clock::now() + site_.limits().write_timeout);
    absl::Status shut = co_await writer_.shutdown();
    if (!shut.ok()) co_return;
    reader_.set_deadline(Clock::now() + site_.limits().linger_timeout);
    absl::StatusOr<uint64_t> skipped = co_await reader_.skip(kLastBytes);
    static_cast<void>(skipped);
  }

  uring::Ring& ring_;
  bufio::Reader reader_;
  bufio::Writer writer_;
  server::Sessions& sessions_;
  server::Session session_;
  Site& site_;
  std::chrono::nanoseconds patience_;  // until the next request begins
  bufio::HttpRequestParser parser_;
  bufio::HttpRequest head_;  // refers to what reader_ and parser_ have
  std::string answer_;
  bool keep_alive_ = true;
};

}  // namespace

Task<void> serve(uring::Ring& ring, bufio::Stream stream, server::Sessions& sessions, Site& site) {
  Connection connection(ring, std::move(stream), sessions, site);
  co_await connection.run();
}

}  // namespace http
