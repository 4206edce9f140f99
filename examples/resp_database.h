// examples/resp_database.h
//
// The keys and their values, for all cores of a server.
//
// The keys are spread over shards, each behind a lock of its own, so that cores rarely meet. Each
// call here is one step for everybody who looks; several calls are not, not even those of one DEL
// with several keys.
//
// Expiry. A key whose time has come is gone for everybody at once: whoever comes across it removes
// it, and sweep() those that nobody asks for, which are kept in the order of their times.
//
// Memory. What keys and values take is bounded (Options::max_memory); setting one more is
// kOutOfMemory then. A little is counted for each key besides its bytes.
//
// The time is the caller's: any clock in milliseconds that never goes back. Any thread.

#ifndef EXAMPLES_RESP_DATABASE_H_
#define EXAMPLES_RESP_DATABASE_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "examples/resp_budget.h"
#include "examples/resp_value.h"
#include "uring/status.h"

namespace resp {

using Time = int64_t;  // ms
inline constexpr Time kNever = INT64_MAX;

// Which keys a SET is for.
enum class Condition : uint8_t { kNone, kAbsent, kPresent };

class Database {
 public:
  struct Options {
    size_t shards = 1;
    size_t max_memory = size_t{1} << 30;
  };

  explicit Database(const Options& options);

  enum class SetOutcome : uint8_t { kSet, kNot, kOutOfMemory };
  // kNot: `condition` does not hold. `value` is taken as it is if it has no more room than it
  // needs, so that a large one is not copied.
  SetOutcome set(std::string_view key, std::string value, Time expires, Condition condition,
                 Time now);

  // Calls `use(const Value&)` with the key's value, which stays as it is meanwhile; false: there is
  // no such key.
  template <class Use>
  bool get(std::string_view key, Time now, Use use) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    Entry* entry = find(shard, key, now);
    if (entry == nullptr) return false;
    use(std::as_const(entry->value));
    return true;
  }
  bool contains(std::string_view key, Time now);
  // Whether it was there.
  bool erase(std::string_view key, Time now);

  enum class IncrementOutcome : uint8_t { kDone, kNotInteger, kOverflow, kOutOfMemory };
  struct Incremented {
    IncrementOutcome outcome;
    int64_t value;
  };
  // Adds one to a key's value, 0 if there is none; it keeps the time of its expiry.
  Incremented increment(std::string_view key, Time now);

  // Removes keys whose time has come, `most` of each shard; whether there are more of them.
  bool sweep(Time now, size_t most);

  // A value that is counted but not kept; nothing: there is no memory for it.
  std::optional<Value> count(std::string bytes) { return make_value({}, std::move(bytes)); }

  struct Counts {
    size_t keys = 0;
    size_t expiring = 0;  // of them
  };
  // Those included that are not removed yet.
  Counts counts();
  size_t memory() const { return budget_.used(); }
  size_t max_memory() const { return budget_.limit(); }

 private:
  struct Entry {
    Entry(Value bytes, Time end) : value(std::move(bytes)), expires(end) {}
    Value value;
    Time expires;
  };
  // Keys are owned by both, as strings: few expire, and those that do are rarely looked for here.
  struct Shard {
    std::mutex mutex;
    absl::flat_hash_map<std::string, Entry> entries;
    absl::btree_set<std::pair<Time, std::string>> expiring;
  };

  Shard& shard_of(std::string_view key);
  Entry* find(Shard& shard, std::string_view key, Time now);
  void put(Shard& shard, Entry* entry, std::string_view key, Value value, Time expires);
  std::optional<Value> make_value(std::string_view key, std::string bytes);

  Budget budget_;
  std::vector<Shard> shards_;
};

// A number as Redis takes it: no spaces, no plus, no leading zeros.
std::optional<int64_t> parse_integer(std::string_view text);

}  // namespace resp

#endif  // EXAMPLES_RESP_DATABASE_H_
