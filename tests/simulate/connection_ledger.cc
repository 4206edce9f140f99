#include "tests/simulate/connection_ledger.h"

#include <algorithm>

namespace bufio::simulate {
namespace {

constexpr uint64_t kLetters = 26;

char byte_of(uint64_t number, uint64_t at) {
  if (at >= kNumberSize) return static_cast<char>('a' + (7 * number + at) % kLetters);
  for (uint64_t i = at + 1; i < kNumberSize; ++i) number /= kLetters;
  return static_cast<char>('A' + number % kLetters);
}

}  // namespace

std::string text_of(uint64_t number, uint64_t from, size_t n) {
  std::string text;
  for (uint64_t at = from; at < from + n; ++at) text.push_back(byte_of(number, at));
  return text;
}

Place& ConnectionLedger::open_place(const uring::SocketAddress& address) {
  places_.push_back(std::make_unique<Place>());
  places_.back()->address = address;
  return *places_.back();
}

EndRecord& ConnectionLedger::open_end(Place& place, bool accepted) {
  ends_.push_back(std::make_unique<EndRecord>());
  EndRecord& end = *ends_.back();
  end.number = ends_.size() - 1;
  end.accepted = accepted;
  end.place = &place;
  return end;
}

std::string ConnectionLedger::introduce(EndRecord& end, std::string_view number) {
  const auto said = std::find_if(ends_.begin(), ends_.end(), [&](const auto& other) {
    return text_of(other->number, 0, kNumberSize) == number;
  });
  if (said == ends_.end()) return "it hears from nobody";
  EndRecord& far = **said;
  if (far.place != end.place) return "it hears from somebody who is elsewhere";
  if (far.accepted == end.accepted) return "it hears from its own side";
  if (far.far != nullptr && far.far != &end) return "its far end has another far end";
  if (end.far != nullptr && end.far != &far) return "it hears from two ends";
  far.far = &end;
  end.far = &far;
  return "";
}

// Ends of this side of which it is not known who their far end is.
uint64_t ConnectionLedger::unknown(const Place& place, bool accepted, bool gone_only) const {
  const auto count = std::count_if(ends_.begin(), ends_.end(), [&](const auto& end) {
    const bool counts = !gone_only || end->left || end->broken;
    return end->place == &place && end->accepted == accepted && end->far == nullptr && counts;
  });
  return static_cast<uint64_t>(count);
}

std::string ConnectionLedger::ended(EndRecord& end, uint64_t heard, bool reset) {
  if (end.broken) return "";
  if (end.far != nullptr) {
    const EndRecord& far = *end.far;
    if (far.broken) return "";
    if (reset && !far.left) return "reset by a far end that is there";
    if (!far.says_no_more) return "an end that is none";
    const bool may_be_cut = reset && end.place->address.family() != AF_UNIX;
    return heard == far.said || may_be_cut ? "" : "bytes are missing at the end";
  }
  Place& place = *end.place;
  if (end.accepted) {
    const uint64_t silent = place.strangers + unknown(place, false, true);
    return ++place.silent_to_accepted <= silent ? "" : "its far end is there, and it has ended";
  }
  if (!place.open) return "";
  return ++place.silent_to_connected <= unknown(place, true, true)
             ? ""
             : "closed, though its listener is there and nobody was accepted";
}

std::string ConnectionLedger::accepted(Place& place) {
  return ++place.accepted <= place.tried ? "" : "more were accepted than connected";
}

std::string ConnectionLedger::all_accepted(const Place& place) const {
  const auto waiting = std::count_if(ends_.begin(), ends_.end(), [&](const auto& end) {
    return end->place == &place && !end->accepted && end->far == nullptr && !end->left &&
           !end->broken;
  });
  return static_cast<uint64_t>(waiting) <= unknown(place, true, false)
             ? ""
             : "a connection is accepted by nobody";
}

}  // namespace bufio::simulate
