// Rows of io: locks on files; in place and on a thread.
#include "support/awaitables.hpp"
#include "support/directory.hpp"

#include <eddy/file/file_lock.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>

namespace {

using namespace test;
using test::Directory;

// A file that somebody else has locked, until wake().
struct Locked {
  Locked() {
    directory.write("file", "text");
    other.reset(::open(directory.path("file").c_str(), O_RDWR | O_CLOEXEC));
  }
  void lock(bool whole) {
    struct ::flock range {};
    range.l_type = F_WRLCK;
    EXPECT_EQ(whole ? ::flock(other.get(), LOCK_EX) : ::fcntl(other.get(), F_OFD_SETLK, &range), 0);
  }
  Task<> begin() {
    file = co_await open(Text(directory.path("file")), "r+");
    lock(true);
    lock(false);
  }
  void wake() {
    struct ::flock range {};
    range.l_type = F_UNLCK;
    ::fcntl(other.get(), F_OFD_SETLK, &range);
    ::flock(other.get(), LOCK_UN);
  }
  // Whatever became of the call, nothing is locked.
  Task<> check() {
    lock(true);
    lock(false);
    co_await file.close();
  }

  Directory directory;
  UniqueFd other;
  File file;
};

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Locked> locks(both, {
    {"lock_file", [](Locked& w) -> Task<> { FileLock held = co_await lock_file(w.file); },
     together},
    {"lock_range", [](Locked& w) -> Task<> { FileLock held = co_await lock_range(w.file, 0, 9); },
     together},
    {"try_lock_file", [](Locked& w) { return only(try_lock_file(w.file)); }, by_itself},
    {"try_lock_range", [](Locked& w) { return only(try_lock_range(w.file, 0, 0)); }, by_itself},
});

}  // namespace
