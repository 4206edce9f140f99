// tests/simulate/connection_ledger.h
//
// Who has connected to which listener, who was accepted there, and who is whose far end.
//
// Each end of a connection has a number, and its text begins with it. So whoever hears the first
// bytes of another end knows which one that is, and that nobody else may.

#ifndef TESTS_SIMULATE_CONNECTION_LEDGER_H_
#define TESTS_SIMULATE_CONNECTION_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "uring/socket_address.h"

namespace bufio::simulate {

class ConnectionEnd;

// Where a listener is or was.
struct Place {
  uring::SocketAddress address;
  bool open = true;        // the Listener has not been destroyed
  uint64_t tried = 0;      // so many connections were asked for
  uint64_t strangers = 0;  // of which so many may be there with nobody at the other end
  uint64_t accepted = 0;
  // Ends of connections that ended before they had said who they are, heard by those who
  uint64_t silent_to_accepted = 0;   // were accepted
  uint64_t silent_to_connected = 0;  // had connected
};

// One end of a connection; it stays when the end itself has gone.
struct EndRecord {
  uint64_t number = 0;
  bool accepted = false;  // else it has connected
  Place* place = nullptr;
  uint64_t said = 0;             // bytes that its Writer has accepted
  bool says_no_more = false;     // and all of it comes
  bool left = false;             // the end was destroyed
  bool broken = false;           // what it said may not come, for a reason
  EndRecord* far = nullptr;      // once it is known
  ConnectionEnd* end = nullptr;  // while it is there
};

constexpr size_t kNumberSize = 4;
// Bytes `from` to `from + n` of what the end with this number says.
std::string text_of(uint64_t number, uint64_t from, size_t n);

class ConnectionLedger {
 public:
  Place& open_place(const uring::SocketAddress& address);
  EndRecord& open_end(Place& place, bool accepted);

  // All these say what is wrong, or nothing.
  // `end` has heard the first bytes of its far end.
  std::string introduce(EndRecord& end, std::string_view number);
  // `end` has come to the end of its stream, of which it heard `heard` bytes. `reset`: it was told
  // that its far end did not hear it out.
  std::string ended(EndRecord& end, uint64_t heard, bool reset);
  // A connection to `place` was accepted.
  std::string accepted(Place& place);
  // Somebody waits for connections at `place`, and nothing moves any more.
  std::string all_accepted(const Place& place) const;

 private:
  uint64_t unknown(const Place& place, bool accepted, bool gone_only) const;

  std::vector<std::unique_ptr<Place>> places_;
  std::vector<std::unique_ptr<EndRecord>> ends_;
};

}  // namespace bufio::simulate

#endif  // TESTS_SIMULATE_CONNECTION_LEDGER_H_
