#include "bufio/stream.h"

#include <utility>

#include "bufio/descriptor.h"
#include "bufio/descriptor_sink.h"
#include "uring/ref.h"

namespace bufio {

Stream open_stream(const uring::Socket& socket, ReaderOptions reader_options,
                   WriterOptions writer_options) {
  // A pool of the user's own goes before.
  if (!reader_options.shared_pool) reader_options.shared_pool = true;
  auto sink = uring::make_ref<DescriptorSink>(socket.ring(), socket.descriptor(),
                                              std::move(writer_options));
  return Stream(read_descriptor(socket.ring(), socket.descriptor(), reader_options),
                Writer(std::move(sink)));
}

}  // namespace bufio
