// uring/testing/sim_opcodes.h
//
// What a simulated kernel can do, and the numbers for it that older liburing headers lack.

#ifndef URING_TESTING_SIM_OPCODES_H_
#define URING_TESTING_SIM_OPCODES_H_

#include <liburing.h>

#include <cstdint>
#include <string_view>

namespace uring::testing {

// Linux 6.7; not in liburing 2.3.
inline constexpr uint8_t kReadMultishotOpcode = 49;

// "read", "cancel" …; "" for what it cannot do.
constexpr std::string_view sim_opcode_name(uint8_t opcode) {
  switch (opcode) {
    case IORING_OP_NOP:
      return "nop";
    case IORING_OP_READ:
      return "read";
    case IORING_OP_READ_FIXED:
      return "read_fixed";
    case IORING_OP_READV:
      return "readv";
    case IORING_OP_RECV:
      return "recv";
    case kReadMultishotOpcode:
      return "read_multishot";
    case IORING_OP_WRITE:
      return "write";
    case IORING_OP_WRITE_FIXED:
      return "write_fixed";
    case IORING_OP_WRITEV:
      return "writev";
    case IORING_OP_SEND:
      return "send";
    case IORING_OP_SENDMSG:
      return "sendmsg";
    case IORING_OP_SEND_ZC:
      return "send_zc";
    case IORING_OP_SENDMSG_ZC:
      return "sendmsg_zc";
    case IORING_OP_ACCEPT:
      return "accept";
    case IORING_OP_CONNECT:
      return "connect";
    case IORING_OP_FSYNC:
      return "fsync";
    case IORING_OP_POLL_ADD:
      return "poll";
    case IORING_OP_ASYNC_CANCEL:
      return "cancel";
    case IORING_OP_OPENAT:
      return "open";
    case IORING_OP_CLOSE:
      return "close";
    default:
      return "";
  }
}

constexpr bool is_zero_copy(uint8_t opcode) {
  return opcode == IORING_OP_SEND_ZC || opcode == IORING_OP_SENDMSG_ZC;
}

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_OPCODES_H_
