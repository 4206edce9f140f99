#include "tests/simulate/actors.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "tests/simulate/copy_actor.h"
#include "tests/simulate/listener_actor.h"
#include "tests/simulate/post_actor.h"
#include "tests/simulate/reader_actor.h"
#include "tests/simulate/scope_actor.h"
#include "tests/simulate/signal_actor.h"
#include "tests/simulate/stream_actor.h"
#include "tests/simulate/writer_actor.h"

namespace bufio::simulate {
namespace {

using Maker = std::unique_ptr<Actor> (*)(World&, std::string name);

template <class A>
std::unique_ptr<Actor> make(World& world, std::string name) {
  return std::make_unique<A>(world, std::move(name));
}

struct Kind {
  const char* name;
  Maker maker;
};

// New kinds go to the end.
constexpr Kind kKinds[] = {
    {"reader", make<ReaderActor>},     {"writer", make<WriterActor>},
    {"copier", make<CopyActor>},       {"poster", make<PostActor>},
    {"scope", make<ScopeActor>},       {"stream", make<StreamActor>},
    {"listener", make<ListenerActor>}, {"signals", make<SignalActor>},
};
// So many there were when numbers were first given out.
constexpr uint32_t kFirstKinds = 6;

// Who was of one kind stays of it when there is a new one, but for those who are of the new one: so
// the other actors of a seed do what they did.
const Kind& kind_of(uint32_t number) {
  const Kind* chosen = &kKinds[number % kFirstKinds];
  number /= kFirstKinds;
  for (uint32_t kind = kFirstKinds; kind < std::size(kKinds); ++kind) {
    if (number % (kind + 1) == 0) chosen = &kKinds[kind];
    number /= kind + 1;
  }
  return *chosen;
}

}  // namespace

std::unique_ptr<Actor> make_actor(World& world, uint32_t kind, size_t number) {
  const Kind& chosen = kind_of(kind);
  return chosen.maker(world, absl::StrCat(chosen.name, " ", number));
}

}  // namespace bufio::simulate
