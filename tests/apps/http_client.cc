#include "tests/apps/http_client.h"

#include <cstdint>

namespace testing_programs {

std::string Answer::field(std::string_view name) const {
  const size_t at = head.find("\r\n" + std::string(name) + ": ");
  if (at == std::string::npos) return "";
  const size_t from = at + name.size() + 4;
  return head.substr(from, head.find("\r\n", from) - from);
}

Answer receive_answer(TcpClient& client, bool to_head) {
  Answer answer;
  answer.head = client.receive_until("\r\n\r\n");
  if (!answer.head.starts_with("HTTP/1.1 ") || !answer.head.ends_with("\r\n\r\n")) return answer;
  answer.code = std::stoi(answer.head.substr(9, 3));
  const std::string length = answer.field("Content-Length");
  if (!to_head && !length.empty()) answer.body = client.receive(std::stoul(length));
  return answer;
}

std::string get(std::string_view target, std::string_view fields) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(fields) +
         "\r\n";
}

std::string bytes(size_t size) {
  std::string all(size, '\0');
  uint32_t state = 1;
  for (char& c : all) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return all;
}

}  // namespace testing_programs
