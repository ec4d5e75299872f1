// Rows of io: what changes in the file system; with the calls of a watch in place and on a thread.
#include "support/awaitables.hpp"
#include "support/directory.hpp"

#include <eddy/file/watch.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace {

using namespace test;
using test::Directory;

// A worker closes what was dropped.
struct Descriptors {
  unsigned before = open_descriptors();
  Task<> are_closed() const {
    while (open_descriptors() > before) co_await yield();
  }
};

// A directory in which one more is made with each wake().
struct Watched {
  Task<> begin() { watch = co_await fs::watch(Text(directory.path("")), {.recursive = true}); }
  void wake() {
    ::mkdir(directory.path("d" + std::to_string(made++)).c_str(), 0777);
  }
  Task<> take() {
    const auto event = co_await watch.next();
    told += event && event->kind == fs::Change::created;
  }
  // Each is told, once.
  Task<> check() {
    while (told < made) co_await take();
    EXPECT_EQ(told, made);
    watch.close();
    co_await descriptors.are_closed();
  }

  Descriptors descriptors;
  Directory directory;
  fs::Watch watch;
  int made = 0;
  int told = 0;
};

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Watched> watched(both, {
    {"fs::Watch::next", [](Watched& w) { return w.take(); }, at_once()},
});

struct Tree {
  Tree() {
    ::mkdir(directory.path("a").c_str(), 0777);
    ::mkdir(directory.path("a/b").c_str(), 0777);
  }
  Task<> check() { return descriptors.are_closed(); }
  Descriptors descriptors;
  Directory directory;
};

const Rows<Tree> trees(both, {
    {"fs::watch",
     [](Tree& w) { return only(fs::watch(Text(w.directory.path("")), {.recursive = true})); },
     by_itself},
});

}  // namespace
