// tests/apps/http_client.h
//
// Just enough of an HTTP client to see what a server answers, and bytes for it to serve.

#ifndef TESTS_APPS_HTTP_CLIENT_H_
#define TESTS_APPS_HTTP_CLIENT_H_

#include <string>
#include <string_view>

#include "tests/apps/tcp_client.h"

namespace testing_programs {

struct Answer {
  int code = 0;  // 0: none came
  std::string head;
  std::string body;

  // The value of a field; "" if there is none.
  std::string field(std::string_view name) const;
};

// The next answer on a connection; its body is as long as it says, and none after a HEAD.
Answer receive_answer(TcpClient& client, bool to_head = false);

// "GET `target` HTTP/1.1", a Host, `fields` (each with its CRLF), and the empty line.
std::string get(std::string_view target, std::string_view fields = "");

// `size` bytes that are easy to tell apart.
std::string bytes(size_t size);

}  // namespace testing_programs

#endif  // TESTS_APPS_HTTP_CLIENT_H_
