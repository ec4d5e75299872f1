// Rows of file: directories that are open, descriptors that are given away, terminals.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/directory.hpp>

#include <pty.h>

namespace {

using namespace test;
using test::Directory;

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

struct Opened {
  Task<> begin() {
    place = co_await open_directory(directory.path(""));
    co_return;
  }
  Task<> check() {
    if (!place.closed()) co_await place.close();
  }
  Directory directory;
  eddy::Directory place;
};

const Rows<Opened> directories(both, {
    {"open_directory", [](Opened& w) { return only(open_directory(w.directory.path(""))); },
     by_itself},
    {"Directory::sync", [](Opened& w) { return w.place.sync(); }, by_itself},
    {"Directory::stat", [](Opened& w) { return only(w.place.stat()); }, by_itself},
    {"Directory::close", [](Opened& w) { return w.place.close(); }, by_itself},
});

// It has the file's bytes and its place, or the file has them still.
struct GivenAway {
  Task<> begin() {
    file = co_await open(directory.path("data"), "w");
    co_await file.write("0123");
  }
  Task<> check() {
    if (!file.closed()) {
      EXPECT_EQ(co_await file.tell(), 4u);
      co_await file.close();
    } else if (fd) {
      EXPECT_EQ(::lseek(fd.get(), 0, SEEK_CUR), 4);
    }
    EXPECT_EQ(directory.read("data"), "0123");
  }
  Directory directory;
  File file;
  UniqueFd fd;
};

const Rows<GivenAway> given_away(both, {
    {"File::detach", [](GivenAway& w) -> Task<> { w.fd = co_await w.file.detach(); }, by_itself},
});

// A seek that did nothing has moved nothing.
struct Holes {
  Task<> begin() {
    file = co_await open(directory.path("data"), "w+");
    co_await file.write("0123");
    co_await file.seek(1);
  }
  Task<> check() {
    const std::uint64_t place = co_await file.tell();
    EXPECT_TRUE(place == 1 || place == 4) << place;
    co_await file.close();
  }
  Directory directory;
  File file;
};

const Rows<Holes> holes(both, {
    {"File::seek a_hole", [](Holes& w) { return only(w.file.seek(2, Whence::hole)); },
     by_itself},
});

struct Terminal {
  Terminal() {
    int ends[2];
    EXPECT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
    keyboard.reset(ends[0]);
    ours.reset(ends[1]);
  }
  Task<> begin() {
    file = File::adopt(ours.release(), "r+");
    co_return;
  }
  void wake() {
    put(keyboard.get(), "a line\n");
    sent += "a line\n";
  }
  Task<> check() {
    put(keyboard.get(), "\x04");  // the end, for once
    got += co_await file.read();
    EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
    co_await file.close();
  }
  UniqueFd keyboard, ours;
  File file;
  std::string got, sent;
};

const Rows<Terminal> terminals(both, {
    {"File::readline of_a_terminal",
     [](Terminal& w) -> Task<> {
       const std::string piece = co_await w.file.readline();
       w.got += piece;
     }},
});

}  // namespace
