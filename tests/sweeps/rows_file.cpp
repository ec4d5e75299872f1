// Rows of io: files, inline and on the ring.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/bytes/reader.hpp>
#include <eddy/file/file.hpp>

#include <sys/stat.h>

namespace {

using namespace test;
using test::Directory;  // there is an eddy::Directory, too

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

// Calls on one file are done in their order.
constexpr Traits in_order{.comes = Comes::by_itself, .second = Second::served};

// A file that is read: what a call did not give, the next one does.
struct Read {
  static constexpr std::string_view text = "one\ntwo\nthree\nfour\n";
  Read() {
    directory.write("data", std::string(text));
    got.reserve(text.size());  // so that taking what came does not fail
  }
  Task<> begin() { file = co_await open(directory.path("data")); }
  Task<> check() {
    got += co_await file.read();
    EXPECT_EQ(got, text) << "a call that gave nothing has moved the position";
    co_await file.close();
  }
  void take(std::size_t count) { got.append(buffer.data(), count); }

  Directory directory;
  File file;
  std::array<char, 8> buffer{};
  std::string got;
};

const Rows<Read> reading(both, {
    {"File::read",
     [](Read& w) -> Task<> {
       const std::string piece = co_await w.file.read(5);
       w.got += piece;
     },
     in_order},
    {"File::read all",
     [](Read& w) -> Task<> {
       const std::string piece = co_await w.file.read();
       w.got += piece;
     },
     in_order},
    {"File::read_into",
     [](Read& w) -> Task<> {
       const std::size_t count = co_await w.file.read_into(w.buffer);
       w.take(count);
     },
     in_order},
    {"File::read_some",
     [](Read& w) -> Task<> {
       const std::size_t count = co_await w.file.read_some(w.buffer);
       w.take(count);
     },
     in_order},
    {"File::read_exactly",
     [](Read& w) -> Task<> {
       co_await w.file.read_exactly(w.buffer);
       w.take(w.buffer.size());
     },
     in_order},
    {"File::readline",
     [](Read& w) -> Task<> {
       const std::string piece = co_await w.file.readline();
       w.got += piece;
     },
     in_order},
    {"File::readline up_to_a_limit",
     [](Read& w) -> Task<> {
       const std::string piece = co_await w.file.readline(2);
       w.got += piece;
     },
     in_order},
    {"File::readline_into up_to_a_limit",
     [](Read& w) -> Task<> {
       std::string piece;
       co_await w.file.readline_into(piece, 2);
       w.got += piece;
     },
     in_order},
    {"File::readlines up_to_a_hint",
     [](Read& w) -> Task<> {
       const auto pieces = co_await w.file.readlines(5);
       for (const auto& piece : pieces) w.got += piece;
     },
     in_order},
    {"File::readline_into",
     [](Read& w) -> Task<> {
       std::string piece;
       co_await w.file.readline_into(piece);
       w.got += piece;
     },
     in_order},
    {"File::readlines",
     [](Read& w) -> Task<> {
       const auto pieces = co_await w.file.readlines();
       for (const auto& piece : pieces) w.got += piece;
     },
     in_order},
    {"Lines::next",
     [](Read& w) -> Task<> {
       auto lines = w.file.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     in_order},
    {"Lines::next_into",
     [](Read& w) -> Task<> {
       auto lines = w.file.lines();
       std::string piece;
       co_await lines.next_into(piece);
       w.got += piece;
     },
     in_order},
    {"File::peek", [](Read& w) { return only(w.file.peek(3)); }, in_order},
    {"File::read_at", [](Read& w) { return only(w.file.read_at(w.buffer, 4)); }, by_itself},
    {"File::tell", [](Read& w) { return only(w.file.tell()); }, in_order},
    {"File::seek to_where_it_is", [](Read& w) { return only(w.file.seek(0)); }, by_itself},
    {"File::stat", [](Read& w) { return only(w.file.stat()); }, by_itself},
    {"Reader::read_some of_a_file",
     [](Read& w) -> Task<> {
       Reader<File> reader(w.file, 4);
       const std::size_t count = co_await reader.read_some(w.buffer);
       w.take(count);
     },
     by_itself},
});

// A file that is written: a call did all that it should, or nothing.
struct Written {
  static constexpr std::string_view text = "0123456789";
  Written() { directory.write("data", std::string(text)); }
  Task<> begin() { file = co_await open(directory.path("data"), "r+"); }
  Task<> check() {
    if (!file.closed()) co_await file.close();
    std::string left = directory.read("data");
    if (done) {
      EXPECT_EQ(left, wanted) << "it was not done";
    } else {
      EXPECT_TRUE(left == wanted || left == text || left == parts)
          << "it was done in part: " << left;
    }
  }
  // What the file should be afterwards; `done` as soon as the call has said so.
  Task<> to(std::string_view result, Task<> call) {
    wanted = result;
    co_await std::move(call);
    done = true;
  }
  Directory directory;
  File file;
  std::string wanted{text};
  std::string parts;
  std::array<std::string, 2> lines{"ab", "cd"};
  bool done = false;
};

Task<> write_and_flush(Written& w) {
  co_await w.file.write("abc");
  co_await w.file.flush();
}

const Rows<Written> writing(both, {
    {"File::write",
     [](Written& w) { return w.to("abc3456789", only(w.file.write("abc"))); }, by_itself},
    {"File::writelines",
     [](Written& w) {
       w.parts = "ab23456789";  // each line is a call
       return w.to("abcd456789", w.file.writelines(w.lines));
     },
     by_itself},
    {"File::flush", [](Written& w) { return w.to("abc3456789", write_and_flush(w)); }, by_itself},
    {"File::sync", [](Written& w) { return w.file.sync(); }, in_order},
    {"File::datasync", [](Written& w) { return w.file.datasync(); }, in_order},
    {"File::write_at",
     [](Written& w) { return w.to("0123abc789", only(w.file.write_at("abc", 4))); }, by_itself},
    {"File::truncate",
     [](Written& w) { return w.to("0123", only(w.file.truncate(4))); }, by_itself},
    {"File::allocate", [](Written& w) { return w.file.allocate(0, 4); }, by_itself},
    {"File::advise",
     [](Written& w) { return w.file.advise(0, 0, POSIX_FADV_DONTNEED); }, by_itself},
    {"File::allocate a_hole",
     [](Written& w) {
       static constexpr std::string_view punched("\0\0\0\0" "456789", 10);
       return w.to(punched, w.file.allocate(0, 4, Allocate::punch));
     },
     by_itself},
    {"File::close",
     [](Written& w) -> Task<> {
       w.wanted = "abc3456789";
       co_await w.file.write("abc");
       co_await w.file.close();
       w.done = true;
     },
     by_itself},
});

// -- opening --

struct Opened {
  Opened() {
    directory.write("data", "some text");
    EXPECT_EQ(::mkfifo(directory.path("fifo").c_str(), 0600), 0);
  }
  Text path(const char* name) const { return Text(directory.path(name)); }
  // The other end of the FIFO comes, and goes with the world.
  void wake() {
    other.reset(::open(directory.path("fifo").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(other);
  }
  Directory directory;
  UniqueFd other;
};

const Rows<Opened> opening(both, {
    {"open", [](Opened& w) { return only(open(w.path("data"))); }, by_itself},
    {"open a_new_file", [](Opened& w) { return only(open(w.path("new"), "w")); }, by_itself},
    {"open a_registered_file",
     [](Opened& w) {
       OpenOptions options;
       options.registered = true;
       return only(open(w.path("data"), "r+", options));
     },
     by_itself},
    {"open a_FIFO_to_read", [](Opened& w) { return only(open(w.path("fifo"))); }, together},
    {"open a_FIFO_to_write", [](Opened& w) { return only(open(w.path("fifo"), "w")); },
     together},
});

// -- files that wait for somebody else --

struct Piped {
  void wake() {
    put(pipe.in.get(), "a line\n");
    sent += "a line\n";
  }
  Task<> begin() {
    file = File::adopt(pipe.out.release(), "r");
    co_return;
  }
  Task<> check() {
    pipe.in.reset();
    got += co_await file.read();
    EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
    co_await file.close();
  }
  Pipe pipe;
  File file;
  std::array<char, 7> buffer{};
  std::string got;
  std::string sent;
};

void wake_to_the_end(Piped& w) {
  if (w.pipe.in) w.wake();
  w.pipe.in.reset();
}

const Rows<Piped> piped(both, {
    {"File::read of_a_pipe",
     [](Piped& w) -> Task<> {
       const std::string piece = co_await w.file.read();
       w.got += piece;
     },
     apart, &wake_to_the_end},
    {"File::readlines of_a_pipe",
     [](Piped& w) -> Task<> {
       const auto pieces = co_await w.file.readlines();
       for (const auto& piece : pieces) w.got += piece;
     },
     apart, &wake_to_the_end},
    {"File::read_some of_a_pipe",
     [](Piped& w) -> Task<> {
       const std::size_t count = co_await w.file.read_some(w.buffer);
       w.got.append(w.buffer.data(), count);
     }},
    {"File::read_exactly of_a_pipe",
     [](Piped& w) -> Task<> {
       co_await w.file.read_exactly(w.buffer);
       w.got.append(w.buffer.data(), w.buffer.size());
     }},
    {"File::readline of_a_pipe",
     [](Piped& w) -> Task<> {
       const std::string piece = co_await w.file.readline();
       w.got += piece;
     }},
});

// A pipe without room.
struct FullPipe {
  FullPipe() {
    ::fcntl(pipe.in.get(), F_SETPIPE_SZ, 4096);
    before = fill_up(pipe.in.get());
  }
  Task<> begin() {
    file = File::adopt(pipe.in.release(), "w");
    co_return;
  }
  void wake() { came += drain(pipe.out.get()); }
  Task<> check() {
    co_await file.close();
    wake();
    EXPECT_TRUE(std::string_view("message").starts_with(came.substr(before)));
  }
  Pipe pipe;
  std::size_t before;
  std::string came;
  File file;
};
const Rows<FullPipe> full_pipe(both, {
    {"File::flush into_a_full_pipe",
     [](FullPipe& w) -> Task<> {
       co_await w.file.write("message");
       co_await w.file.flush();
     },
     apart},
});

}  // namespace
