// examples/resp_commands.h
//
// What each command does: words in, an answer out. No I/O.
//
//   PING ECHO SELECT QUIT HELLO COMMAND CONFIG INFO      SET GET DEL INCR EXISTS
//
// Errors are worded as Redis 7 words them, for there are clients that read them. SET knows EX, PX,
// NX and XX; there is one database, 0; CONFIG answers GET alone, by whole names.

#ifndef EXAMPLES_RESP_COMMANDS_H_
#define EXAMPLES_RESP_COMMANDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "examples/resp_database.h"
#include "examples/resp_reply.h"
#include "examples/resp_request.h"
#include "examples/resp_value.h"

namespace resp {

// What a server keeps of each connection.
struct Client {
  int64_t id = 0;
  int protocol = 2;
  bool leaving = false;  // after this answer
};

// `text`, and then, if there is a large value, its bytes and CRLF.
struct Reply {
  void clear() {
    text.clear();
    large = SharedBytes();
  }
  ReplyText text;
  SharedBytes large;
};

class Commands {
 public:
  // Both outlive it. `limits` is what CONFIG shows.
  Commands(Database& database, const Limits& limits) : database_(database), limits_(limits) {}

  // Does what the request says, which has arguments, and appends the answer to `reply`, none to an
  // intruder: what a browser was led to send. Large arguments are moved out of `request`.
  void run(RequestParser& request, Client& client, Time now, Reply& reply) const;

  Database& database() const { return database_; }

 private:
  Database& database_;
  Limits limits_;
};

}  // namespace resp

#endif  // EXAMPLES_RESP_COMMANDS_H_
