#include "tests/simulate/stream_actor.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bufio/stream.h"
#include "tests/simulate/reader_subject.h"
#include "tests/simulate/writer_subject.h"
#include "uring/descriptor.h"
#include "uring/ref.h"
#include "uring/ring.h"
#include "uring/socket.h"

namespace bufio::simulate {

StreamActor::StreamActor(World& world, std::string name)
    : world_(world),
      name_(std::move(name)),
      reader_(world, absl::StrCat(name_, ", its Reader")),
      writer_(world, absl::StrCat(name_, ", its Writer")) {}

void StreamActor::act(Choices& choices) {
  if (reader_.done() && writer_.done()) return begin(choices);
  const bool reads = choices.one_in(2);
  if (writer_.done() || (reads && !reader_.done())) return reader_.act(choices);
  writer_.act(choices);
}

void StreamActor::begin(Choices& choices) {
  ring_ = choices.below(static_cast<uint32_t>(world_.rings()));
  uring::Ring* ring = world_.ring(ring_);
  if (ring == nullptr) return;
  auto incoming = plan_reader_half(world_, ring_, choices);
  auto outgoing = plan_writer_half(world_, ring_, choices);
  const size_t room = choices.one_in(3) ? SIZE_MAX : choices.below(100);
  const World::Connection connection =
      world_.make_connection(*incoming->text, incoming->error, choices.below(1U << 31), room);
  incoming->feeder = feeder_ = connection.feeder;
  outgoing->record->outlet = connection.outlet;
  incoming->duplicated = outgoing->duplicated = std::make_shared<bool>(false);
  const uring::Socket socket(uring::Ref<uring::RingCore>(&ring->core()),
                             uring::make_ref<uring::Descriptor>(connection.fd));
  Stream stream = open_stream(socket, incoming->options, outgoing->options);
  incoming->reader.emplace(std::move(stream.reader));
  outgoing->writer.emplace(std::move(stream.writer));
  world_.note(name_, ": a connection, with ",
              incoming->pool.has_value()                     ? "a pool of its own"
              : incoming->options.shared_pool.value_or(true) ? "the Ring's pool"
                                                             : "buffers of its own");
  reader_.use(std::move(incoming));
  writer_.use(std::move(outgoing));
}

void StreamActor::check() {
  reader_.check();
  writer_.check();
}

// --- the end -------------------------------------------------------------------------------------

void StreamActor::set_silent(bool silent) {
  silent_ = silent;
  if (feeder_ != nullptr) feeder_->set_silent(silent);
}

bool StreamActor::wind_up() {
  if (!writer_over_) writer_over_ = writer_.wind_up();
  set_silent(!writer_over_ && slept_ < kPatience);
  if (!reader_over_) reader_over_ = reader_.wind_up();
  return reader_over_ && writer_over_;
}

bool StreamActor::idle() {
  if (!silent_ || world_.turned() != ring_) return false;
  if (!writer_.waits()) {
    set_silent(false);
    return true;
  }
  uring::Ring* ring = world_.ring(ring_);
  // On a Ring whose queues are full of reads a write does have to wait.
  const bool full = ring != nullptr && ring->stats().waiting_for_entry > 0;
  if (!full && ++slept_ < kPatience) return true;
  if (!full) world_.fail(name_ + ": a write waits for a read");
  slept_ = kPatience;
  set_silent(false);
  return true;
}

void StreamActor::let_go() {
  set_silent(false);
  reader_.let_go();
  writer_.let_go();
}

}  // namespace bufio::simulate
