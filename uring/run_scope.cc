#include "uring/run_scope.h"

#include <string>

#include "uring/check.h"

namespace uring {
namespace {

constinit thread_local const RunScope* innermost = nullptr;

}  // namespace

RunScope::RunScope(const void* loop, std::string_view what) : loop_(loop), outer_(innermost) {
  for (const RunScope* scope = outer_; scope != nullptr; scope = scope->outer_) {
    URING_CHECK(
        scope->loop_ != loop,
        std::string(what) + " was called within a coroutine of the same Ring: co_await instead");
  }
  innermost = this;
}

RunScope::~RunScope() { innermost = outer_; }

}  // namespace uring
