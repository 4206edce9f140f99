#include "examples/resp_database.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "absl/hash/hash.h"

namespace resp {
namespace {

// What a key costs besides its bytes and its value's: about that much in the table, and once more
// if it expires.
constexpr size_t kEntryCost = 128;

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits[0] == '0' && text.size() > 1)) return std::nullopt;
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

Database::Database(const Options& options)
    : budget_(options.max_memory), shards_(std::max(options.shards, size_t{1})) {}

Database::Shard& Database::shard_of(std::string_view key) {
  if (shards_.size() == 1) return shards_[0];
  // Not the bits that choose a place within the shard.
  const size_t hash = absl::HashOf(uring::as_absl(key));
  return shards_[(hash >> 40) % shards_.size()];
}

Database::Entry* Database::find(Shard& shard, std::string_view key, Time now) {
  const auto found = shard.entries.find(uring::as_absl(key));
  if (found == shard.entries.end()) return nullptr;
  if (found->second.expires > now) return &found->second;
  shard.expiring.erase({found->second.expires, found->first});
  shard.entries.erase(found);
  return nullptr;
}

std::optional<Value> Database::make_value(std::string_view key, std::string bytes) {
  Charge charge(budget_);
  if (!charge.set(kEntryCost + 2 * key.size() + bytes.capacity())) return std::nullopt;
  return Value(std::move(bytes), std::move(charge));
}

void Database::put(Shard& shard, Entry* entry, std::string_view key, Value value, Time expires) {
  if (entry == nullptr) {
    shard.entries.try_emplace(std::string(key), std::move(value), expires);
  } else {
    if (entry->expires != kNever) shard.expiring.erase({entry->expires, std::string(key)});
    *entry = Entry(std::move(value), expires);
  }
  if (expires != kNever) shard.expiring.emplace(expires, key);
}

Database::SetOutcome Database::set(std::string_view key, std::string value, Time expires,
                                   Condition condition, Time now) {
  std::optional<Value> made = make_value(key, std::move(value));
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Entry* entry = find(shard, key, now);
  if (condition == Condition::kAbsent && entry != nullptr) return SetOutcome::kNot;
  if (condition == Condition::kPresent && entry == nullptr) return SetOutcome::kNot;
  if (!made.has_value()) return SetOutcome::kOutOfMemory;
  put(shard, entry, key, *std::move(made), expires);
  return SetOutcome::kSet;
}

bool Database::contains(std::string_view key, Time now) {
  return get(key, now, [](const Value&) {});
}

bool Database::erase(std::string_view key, Time now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const Entry* entry = find(shard, key, now);
  if (entry == nullptr) return false;
  if (entry->expires != kNever) shard.expiring.erase({entry->expires, std::string(key)});
  shard.entries.erase(uring::as_absl(key));
  return true;
}

Database::Incremented Database::increment(std::string_view key, Time now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Entry* entry = find(shard, key, now);
  int64_t value = 0;
  if (entry != nullptr) {
    const std::optional<int64_t> number = parse_integer(entry->value.bytes());
    if (!number.has_value()) return {IncrementOutcome::kNotInteger, 0};
    value = *number;
  }
  if (value == std::numeric_limits<int64_t>::max()) return {IncrementOutcome::kOverflow, 0};
  ++value;
  std::optional<Value> made = make_value(key, std::to_string(value));
  if (!made.has_value()) return {IncrementOutcome::kOutOfMemory, 0};
  if (entry != nullptr) {
    entry->value = *std::move(made);
  } else {
    put(shard, nullptr, key, *std::move(made), kNever);
  }
  return {IncrementOutcome::kDone, value};
}

bool Database::sweep(Time now, size_t most) {
  bool more = false;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    const auto is_due = [&] {
      return !shard.expiring.empty() && shard.expiring.begin()->first <= now;
    };
    for (size_t i = 0; i < most && is_due(); ++i) {
      const auto first = shard.expiring.begin();
      shard.entries.erase(first->second);
      shard.expiring.erase(first);
    }
    more = more || is_due();
  }
  return more;
}

Database::Counts Database::counts() {
  Counts counts;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    counts.keys += shard.entries.size();
    counts.expiring += shard.expiring.size();
  }
  return counts;
}

}  // namespace resp
