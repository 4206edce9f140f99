// bufio/testing/check_source_contract.h
//
// Whether a Reader over your source gives the bytes that it should, whatever is asked of it.
//
//   auto make = [&] { return bufio::read_source(ring, std::make_unique<Countdown>(1000)); };
//   EXPECT_EQ(check_source_contract(ring, make, countdown_text(1000)), absl::OkStatus());
//
// For each of some seeds a Reader is made, and calls are made at random: fills, reads, skips, some
// of them given up while they wait, some with a deadline that has passed. What they give is
// compared with a string. In the end the stream must end, twice.

#ifndef BUFIO_TESTING_CHECK_SOURCE_CONTRACT_H_
#define BUFIO_TESTING_CHECK_SOURCE_CONTRACT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "bufio/reader.h"
#include "uring/ring.h"

namespace bufio::testing {

struct SourceContractOptions {
  // What comes behind the bytes: OK is the end, else an error of this code.
  absl::StatusCode end = absl::StatusCode::kOk;
  size_t seeds = 20;
  uint64_t first_seed = 1;
  // The most bytes that one call asks for; to be less than the Reader's max_buffer_size.
  size_t max_call = 512;
};

// OK, or Internal with the seed, the place and what was wrong there. `make` is called once per
// seed, outside of any coroutine, so it may block_on(). The Reader must be `ring`'s or need none.
absl::Status check_source_contract(uring::Ring& ring, absl::FunctionRef<Reader()> make,
                                   std::string_view bytes,
                                   const SourceContractOptions& options = {});

}  // namespace bufio::testing

#endif  // BUFIO_TESTING_CHECK_SOURCE_CONTRACT_H_
