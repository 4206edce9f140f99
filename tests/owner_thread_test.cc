#include "uring/owner_thread.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace uring {
namespace {

TEST(OwnerThread, IsTheThreadThatMadeIt) {
  const OwnerThread owner;
  EXPECT_TRUE(owner.is_current());
  EXPECT_FALSE(owner.forked());
  owner.check("nothing");
  bool there = true;
  std::thread([&] { there = owner.is_current(); }).join();
  EXPECT_FALSE(there);
}

TEST(OwnerThread, IsNobodyInAForkedChild) {
  const OwnerThread owner;
  const pid_t child = fork();
  if (child == 0) {
    const OwnerThread fresh;
    _exit(!owner.is_current() && owner.forked() && fresh.is_current() && !fresh.forked() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(owner.is_current());  // forking changes nothing for the parent
}

TEST(OwnerThreadDeathTest, CheckNamesTheCallAndTheReason) {
  const OwnerThread owner;
  EXPECT_DEATH(owner.check("the call"),  // a death test's child is a forked one
               "the call: a Ring cannot be used in a forked child; make a new one there");
  const auto check_elsewhere = [] {
    const OwnerThread own;
    std::thread([&own] { own.check("the call"); }).join();
  };
  EXPECT_DEATH(check_elsewhere(), "the call: called from another thread than the one that made");
}

}  // namespace
}  // namespace uring
