// uring/testing/sim_request.h
//
// One request of a simulated kernel, from the taking of its entry to its terminal completion.
//
//   armed ──it can go on──▶ running ──all copied──▶ done ──completion posted──▶ gone
//     │                        ▲                      ▲ │                        ▲
//     │                        └──────a multishot─────┼─┼─zero copy─▶ notifying ─┘
//     └──cancelled, or an error───────────────────────┘
//
// An armed request has taken nothing from its object, so it can be cancelled and nothing is lost. A
// running one has: its bytes are its own, and it will deliver them, whatever is asked of it. When
// its ring is torn down it becomes a ghost, which goes on and posts nothing. A zero-copy send that
// has told its result reads its memory still, until its notification.

#ifndef URING_TESTING_SIM_REQUEST_H_
#define URING_TESTING_SIM_REQUEST_H_

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "uring/testing/sim_objects.h"

namespace uring::testing {

class SimRing;

// What a descriptor number means right now.
struct DescriptorIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const DescriptorIdentity&) const = default;
};

struct SimRequest {
  enum class Kind : uint8_t {
    kNothing,
    kRead,
    kWrite,
    kSync,
    kPoll,
    kAccept,
    kConnect,
    kOpen,
    kClose,
    kCancel
  };
  enum class State : uint8_t { kArmed, kRunning, kDone, kNotifying };

  SimRing* ring = nullptr;  // null: a ghost
  uint64_t number = 0;      // how manieth entry it was
  uint64_t user_data = 0;
  uint8_t opcode = 0;
  Kind kind = Kind::kNothing;
  State state = State::kArmed;

  // --- what it works on
  int fd = -1;
  bool names_descriptor = false;  // and so nobody may close it meanwhile
  DescriptorIdentity identity;
  std::shared_ptr<SimObject> object;
  uint64_t offset = 0;
  short events = 0;
  std::string path;  // or a socket's address
  int open_flags = 0;
  mode_t mode = 0;

  // --- its memory
  std::vector<iovec> memory;
  size_t length = 0;  // of all of it
  size_t asked = 0;   // of a provided buffer, at most; 0: all of it
  bool selects_buffer = false;
  uint16_t group = 0;
  bool multishot = false;
  bool zero_copy = false;
  bool tells_usage = false;  // its notification says whether the bytes were copied
  bool raises_signal = false;
  uint32_t completion_flags = 0;  // F_BUFFER and the buffer's number

  // --- how far it is
  bool tried = false;        // it has had its chance to fail
  bool waits_first = false;  // for bytes, and looks for a buffer then
  bool doomed = false;       // somebody asked for its cancelling and was not told the truth
  bool memory_gone = false;  // reported, and not to be touched
  bool reported = false;     // its descriptor was, too
  bool paused = false;       // once before its completion
  bool connecting = false;   // the system does, in the background
  unsigned pieces = 0;
  std::string bytes;  // taken from the object, or to be given to it
  size_t claimed = 0;
  size_t copied = 0;
  int32_t result = 0;

  // As good as new, but the memory of its containers stays.
  void reset() {
    SimRequest fresh;
    fresh.path.swap(path);
    fresh.memory.swap(memory);
    fresh.bytes.swap(bytes);
    *this = std::move(fresh);
    path.clear();
    memory.clear();
    bytes.clear();
  }
};

}  // namespace uring::testing

#endif  // URING_TESTING_SIM_REQUEST_H_
