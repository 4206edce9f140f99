#include "examples/resp_commands.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "uring/status.h"

namespace resp {
namespace {

using uring::as_absl;
using Words = std::span<const std::string_view>;

constexpr std::string_view kVersion = "7.0.0";  // whose commands these are
constexpr std::string_view kOutOfMemory = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::string_view kNoInteger = "ERR value is not an integer or out of range";

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(as_absl(a), as_absl(b));
}

// One request, while it is answered.
struct Call {
  Words words() const { return request.arguments(); }
  ReplyText& say() const { return reply.text; }

  RequestParser& request;
  Client& client;
  Time now;
  Reply& reply;
  Database& database;
  const Limits& limits;
};

struct Command {
  std::string_view name;
  int arity;  // the words there are; negative: at least so many
  std::string_view flag;
  int first_key;
  int last_key;
  void (*run)(const Call&);
};

void wrong_count(const Call& call, std::string_view name) {
  call.say().error(absl::StrCat("ERR wrong number of arguments for '", as_absl(name), "' command"));
}

void unknown_subcommand(const Call& call) {
  const std::string_view word = call.words()[1].substr(0, 128);
  call.say().error(absl::StrCat("ERR unknown subcommand '", as_absl(word), "'. Try ",
                                absl::AsciiStrToUpper(as_absl(call.words()[0])), " HELP."));
}

// --- about the connection ------------------------------------------------------------------------

void say_again(const Call& call, size_t word) {
  std::string* given = call.request.given(word);
  if (given == nullptr || given->size() < kShareFrom) return call.say().bulk(call.words()[word]);
  const std::optional<Value> value = call.database.count(std::move(*given));
  if (!value.has_value()) return call.say().error(kOutOfMemory);
  call.say().bulk_head(value->shared().size());
  call.reply.large = value->shared();
}

void ping(const Call& call) {
  const Words words = call.words();
  if (words.size() > 2) return wrong_count(call, "ping");
  if (words.size() == 2) return say_again(call, 1);
  call.say().simple("PONG");
}

void echo(const Call& call) { say_again(call, 1); }

void quit(const Call& call) {
  call.client.leaving = true;
  call.say().simple("OK");
}

void select(const Call& call) {
  const std::optional<int64_t> index = parse_integer(call.words()[1]);
  if (!index.has_value()) return call.say().error(kNoInteger);
  if (*index != 0) return call.say().error("ERR DB index is out of range");
  call.say().simple("OK");
}

void hello(const Call& call) {
  const Words words = call.words();
  if (words.size() > 1) {
    const std::optional<int64_t> version = parse_integer(words[1]);
    if (!version.has_value())
      return call.say().error("ERR Protocol version is not an integer or out of range");
    if (*version != 2 && *version != 3)
      return call.say().error("NOPROTO unsupported protocol version");
    if (words.size() > 2) {
      return call.say().error(
          absl::StrCat("ERR Syntax error in HELLO option '", as_absl(words[2]), "'"));
    }
    call.client.protocol = static_cast<int>(*version);
  }
  ReplyText& say = call.say();
  say.map_head(7, call.client.protocol);
  say.bulk("server");
  say.bulk("redis");
  say.bulk("version");
  say.bulk(kVersion);
  say.bulk("proto");
  say.integer(call.client.protocol);
  say.bulk("id");
  say.integer(call.client.id);
  say.bulk("mode");
  say.bulk("standalone");
  say.bulk("role");
  say.bulk("master");
  say.bulk("modules");
  say.array_head(0);
}

// --- about the server ----------------------------------------------------------------------------

void config(const Call& call) {
  const Words words = call.words();
  if (!same(words[1], "get")) return unknown_subcommand(call);
  if (words.size() < 3) return wrong_count(call, "config|get");
  const std::array<std::pair<std::string_view, std::string>, 6> all = {{
      {"appendonly", "no"},
      {"databases", "1"},
      {"maxmemory", absl::StrCat(call.database.max_memory())},
      {"maxmemory-policy", "noeviction"},
      {"proto-max-bulk-len", absl::StrCat(call.limits.max_bulk)},
      {"save", ""},
  }};
  const auto asked_for = [&words](std::string_view name) {
    return std::any_of(words.begin() + 2, words.end(),
                       [name](std::string_view word) { return word == "*" || same(word, name); });
  };
  const auto count = std::count_if(all.begin(), all.end(),
                                   [&](const auto& each) { return asked_for(each.first); });
  call.say().map_head(static_cast<size_t>(count), call.client.protocol);
  for (const auto& [name, value] : all) {
    if (!asked_for(name)) continue;
    call.say().bulk(name);
    call.say().bulk(value);
  }
}

void info(const Call& call) {
  const Words words = call.words();
  const auto wanted = [&words](std::string_view section) {
    if (words.size() == 1) return true;
    return std::any_of(words.begin() + 1, words.end(), [section](std::string_view word) {
      return same(word, section) || same(word, "all") || same(word, "everything") ||
             same(word, "default");
    });
  };
  std::string text;
  const auto begin = [&text](std::string_view title) {
    absl::StrAppend(&text, text.empty() ? "" : "\r\n", "# ", as_absl(title), "\r\n");
  };
  if (wanted("server")) {
    begin("Server");
    absl::StrAppend(&text, "redis_version:", as_absl(kVersion),
                    "\r\nredis_mode:standalone\r\nprocess_id:", getpid(), "\r\n");
  }
  if (wanted("memory")) {
    begin("Memory");
    absl::StrAppend(&text, "used_memory:", call.database.memory(),
                    "\r\nmaxmemory:", call.database.max_memory(),
                    "\r\nmaxmemory_policy:noeviction\r\n");
  }
  if (wanted("keyspace")) {
    begin("Keyspace");
    const Database::Counts counts = call.database.counts();
    if (counts.keys > 0) {
      absl::StrAppend(&text, "db0:keys=", counts.keys, ",expires=", counts.expiring,
                      ",avg_ttl=0\r\n");
    }
  }
  call.say().verbatim(text, call.client.protocol);
}

void command(const Call& call);

// --- about keys ----------------------------------------------------------------------------------

struct SetOptions {
  Condition condition = Condition::kNone;
  std::string_view unit;  // "ex", "px", or none
  std::string_view duration;
};

std::optional<SetOptions> parse_set_options(Words words) {
  SetOptions options;
  for (size_t i = 0; i < words.size(); ++i) {
    if (same(words[i], "nx") && options.condition != Condition::kPresent) {
      options.condition = Condition::kAbsent;
    } else if (same(words[i], "xx") && options.condition != Condition::kAbsent) {
      options.condition = Condition::kPresent;
    } else if ((same(words[i], "ex") || same(words[i], "px")) && options.unit.empty() &&
               i + 1 < words.size()) {
      options.unit = words[i];
      options.duration = words[++i];
    } else {
      return std::nullopt;
    }
  }
  return options;
}

void set(const Call& call) {
  const Words words = call.words();
  const std::optional<SetOptions> options = parse_set_options(words.subspan(3));
  if (!options.has_value()) return call.say().error("ERR syntax error");
  Time expires = kNever;
  if (!options->unit.empty()) {
    const std::optional<int64_t> duration = parse_integer(options->duration);
    if (!duration.has_value()) return call.say().error(kNoInteger);
    const int64_t unit = same(options->unit, "ex") ? 1000 : 1;
    if (*duration <= 0 || *duration > (kNever - 1 - call.now) / unit)
      return call.say().error("ERR invalid expire time in 'set' command");
    expires = call.now + *duration * unit;
  }
  std::string* given = call.request.given(2);
  std::string value = given != nullptr ? std::move(*given) : std::string(words[2]);
  switch (call.database.set(words[1], std::move(value), expires, options->condition, call.now)) {
    case Database::SetOutcome::kSet:
      return call.say().simple("OK");
    case Database::SetOutcome::kNot:
      return call.say().null(call.client.protocol);
    case Database::SetOutcome::kOutOfMemory:
      return call.say().error(kOutOfMemory);
  }
}

void get(const Call& call) {
  const bool found = call.database.get(call.words()[1], call.now, [&call](const Value& value) {
    if (value.shared()) {
      call.say().bulk_head(value.shared().size());
      call.reply.large = value.shared();
    } else {
      call.say().bulk(value.bytes());
    }
  });
  if (!found) call.say().null(call.client.protocol);
}

void del(const Call& call) {
  int64_t count = 0;
  for (const std::string_view key : call.words().subspan(1))
    count += call.database.erase(key, call.now) ? 1 : 0;
  call.say().integer(count);
}

void exists(const Call& call) {
  int64_t count = 0;
  for (const std::string_view key : call.words().subspan(1))
    count += call.database.contains(key, call.now) ? 1 : 0;
  call.say().integer(count);
}

void incr(const Call& call) {
  const Database::Incremented result = call.database.increment(call.words()[1], call.now);
  switch (result.outcome) {
    case Database::IncrementOutcome::kDone:
      return call.say().integer(result.value);
    case Database::IncrementOutcome::kNotInteger:
      return call.say().error(kNoInteger);
    case Database::IncrementOutcome::kOverflow:
      return call.say().error("ERR increment or decrement would overflow");
    case Database::IncrementOutcome::kOutOfMemory:
      return call.say().error(kOutOfMemory);
  }
}

// --- the table -----------------------------------------------------------------------------------

constexpr std::array kCommands = {
    Command{"get", 2, "readonly", 1, 1, get},         Command{"set", -3, "write", 1, 1, set},
    Command{"incr", 2, "write", 1, 1, incr},          Command{"del", -2, "write", 1, -1, del},
    Command{"exists", -2, "readonly", 1, -1, exists}, Command{"ping", -1, "fast", 0, 0, ping},
    Command{"echo", 2, "fast", 0, 0, echo},           Command{"quit", -1, "fast", 0, 0, quit},
    Command{"select", 2, "fast", 0, 0, select},       Command{"hello", -1, "fast", 0, 0, hello},
    Command{"info", -1, "loading", 0, 0, info},       Command{"config", -2, "admin", 0, 0, config},
    Command{"command", -1, "loading", 0, 0, command},
};

const Command* find_command(std::string_view name) {
  const auto found = std::find_if(kCommands.begin(), kCommands.end(),
                                  [name](const Command& each) { return same(each.name, name); });
  return found == kCommands.end() ? nullptr : &*found;
}

void describe(const Command& what, ReplyText& say) {
  say.array_head(6);
  say.bulk(what.name);
  say.integer(what.arity);
  say.array_head(1);
  say.simple(what.flag);
  say.integer(what.first_key);
  say.integer(what.last_key);
  say.integer(what.first_key == 0 ? 0 : 1);
}

void command(const Call& call) {
  const Words words = call.words();
  if (words.size() == 1) {
    call.say().array_head(kCommands.size());
    for (const Command& each : kCommands) describe(each, call.say());
  } else if (same(words[1], "docs")) {
    call.say().map_head(0, call.client.protocol);
  } else if (!same(words[1], "count")) {
    unknown_subcommand(call);
  } else if (words.size() > 2) {
    wrong_count(call, "command|count");
  } else {
    call.say().integer(static_cast<int64_t>(kCommands.size()));
  }
}

bool right_count(const Command& what, size_t words) {
  return what.arity > 0 ? words == static_cast<size_t>(what.arity)
                        : words >= static_cast<size_t>(-what.arity);
}

void unknown_command(const Call& call) {
  constexpr size_t kMost = 128;  // characters that are shown
  const Words words = call.words();
  std::string arguments;
  for (size_t i = 1; i < words.size() && arguments.size() < kMost; ++i) {
    absl::StrAppend(&arguments, "'", as_absl(words[i].substr(0, kMost - arguments.size())), "' ");
  }
  call.say().error(absl::StrCat("ERR unknown command '", as_absl(words[0].substr(0, kMost)),
                                "', with args beginning with: ", arguments));
}

// The beginnings of HTTP requests.
bool is_intruder(std::string_view name) { return same(name, "post") || same(name, "host:"); }

}  // namespace

void Commands::run(RequestParser& request, Client& client, Time now, Reply& reply) const {
  const Call call = {request, client, now, reply, database_, limits_};
  const std::string_view name = call.words()[0];
  if (const Command* found = find_command(name); found == nullptr) {
    if (is_intruder(name)) {
      client.leaving = true;
    } else {
      unknown_command(call);
    }
  } else if (!right_count(*found, call.words().size())) {
    wrong_count(call, found->name);
  } else {
    found->run(call);
  }
}

}  // namespace resp
