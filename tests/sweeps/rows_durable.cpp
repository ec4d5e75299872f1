// Rows of io: files that are on the disk, or are copied, when a call returns.
#include "sweeps/names.hpp"

#include <eddy/file/append_line.hpp>
#include <eddy/file/copy.hpp>
#include <eddy/file/file.hpp>

namespace {

using namespace test;
using test::Directory;

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Names> durable(both, {
    {"append_line",
     [](Names& w) {
       return append_line(w.may("a", "old text\nnew\n").path("a"), "new", {.durable = true});
     },
     by_itself},
    {"append_line to_a_new_file",
     [](Names& w) {
       w.texts.insert("");  // it may have been made, and nothing written
       return append_line(w.may("b", "new\n").path("b"), "new", {.durable = true});
     },
     by_itself},
});

const Rows<Names> copying(both, {
    {"fs::copy",
     [](Names& w) {
       w.texts.insert("");
       return only(fs::copy(w.path("a"), w.may("b").path("b")));
     },
     by_itself},
    {"fs::copy into_a_directory",
     [](Names& w) { return only(fs::copy(w.path("a"), w.path("d"))); }, by_itself},
    {"fs::copy of_a_link",
     [](Names& w) {
       return only(fs::copy(w.path("l"), w.may("b").path("b"), {.follow_symlinks = false}));
     },
     by_itself},
    {"fs::copymode", [](Names& w) { return fs::copymode(w.path("d"), w.path("a")); }, by_itself},
    {"fs::copystat", [](Names& w) { return fs::copystat(w.path("d"), w.path("a")); }, by_itself},
});

// Two open files: what was sent is what the position says.
struct Sent {
  Sent() {
    directory.write("from", "0123456789");
    directory.write("to", "");
  }
  Task<> begin() {
    from = co_await open(directory.path("from"));
    to = co_await open(directory.path("to"), "w");
  }
  Task<> check() {
    const std::uint64_t place = co_await to.tell();
    co_await to.close();
    EXPECT_EQ(directory.read("to"), std::string("3456789").substr(0, place));
    co_await from.close();
  }
  Directory directory;
  File from;
  File to;
};

const Rows<Sent> sending(both, {
    {"fs::sendfile", [](Sent& w) { return only(fs::sendfile(w.to, w.from, 3, 7)); }, by_itself},
});

}  // namespace
