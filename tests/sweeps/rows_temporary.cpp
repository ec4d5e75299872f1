// Rows of io: what is temporary. Whatever becomes of the call, nothing is left behind.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/spooled_file.hpp>
#include <eddy/file/temporary_directory.hpp>
#include <eddy/file/temporary_file.hpp>

#include <filesystem>

namespace {

using namespace test;
using test::Directory;

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};
constexpr Traits in_order{.comes = Comes::by_itself, .second = Second::apart};

// A directory for all of it.
struct Room {
  Room() : text(directory.path("")) {}
  std::size_t count() const {
    std::size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(text)) {
      static_cast<void>(entry);
      ++entries;
    }
    return entries;
  }
  Task<> check() {
    EXPECT_LE(count(), may_stay) << "something temporary was left behind";
    co_return;
  }
  Directory directory;
  std::string text;
  std::size_t may_stay = 0;
};

const Rows<Room> making(both, {
    {"temporary_file", [](Room& w) { return only(temporary_file({.directory = w.text})); },
     by_itself},
    {"named_temporary_file",
     [](Room& w) { return only(named_temporary_file({.directory = w.text})); }, by_itself},
    {"temporary_directory",
     [](Room& w) { return only(temporary_directory({.directory = w.text})); }, by_itself},
    {"mkdtemp",
     [](Room& w) {
       w.may_stay = 1;
       return only(mkdtemp({.directory = w.text}));
     },
     by_itself},
    {"mkstemp",
     [](Room& w) {
       w.may_stay = 1;
       return only(mkstemp({.directory = w.text}));
     },
     by_itself},
});

struct Named : Room {
  Task<> begin() { file = co_await named_temporary_file({.directory = text}); }
  Task<> check() {
    file = NamedTemporaryFile();
    EXPECT_EQ(count(), 0u);
    co_return;
  }
  NamedTemporaryFile file;
};

const Rows<Named> named(both, {
    {"NamedTemporaryFile::close", [](Named& w) { return w.file.close(); }, in_order},
    {"NamedTemporaryFile::enter", [](Named& w) { return w.file.enter(); }, at_once(in_order)},
    {"NamedTemporaryFile::exit", [](Named& w) { return only(w.file.exit(nullptr)); }, in_order},
});

struct Lent : Room {
  Task<> begin() {
    lent = co_await temporary_directory({.directory = text});
    const std::string name(lent.name());
    std::filesystem::create_directories(name + "/d/e");
    std::ofstream(name + "/d/file") << "text";
    std::filesystem::create_symlink("/", name + "/d/link");
  }
  Task<> check() {
    lent = TemporaryDirectory();
    EXPECT_EQ(count(), 0u);
    co_return;
  }
  TemporaryDirectory lent;
};

const Rows<Lent> lent(both, {
    {"TemporaryDirectory::close", [](Lent& w) { return w.lent.close(); }, in_order},
    {"TemporaryDirectory::cleanup", [](Lent& w) { return w.lent.cleanup(); }, in_order},
    {"TemporaryDirectory::enter", [](Lent& w) { return only(w.lent.enter()); }, at_once(in_order)},
    {"TemporaryDirectory::exit", [](Lent& w) { return only(w.lent.exit(nullptr)); }, in_order},
});

// In memory, and one byte before it is not.
struct Spooled : Room {
  static constexpr std::string_view old = "one\ntwo\n";
  Task<> begin() {
    file = spooled_temporary_file(old.size(), {.directory = text});
    co_await file.write(old);
    co_await file.seek(0);
  }
  Task<> check() {
    if (!file.closed()) {
      co_await file.seek(0);
      const std::string left = co_await file.read();
      EXPECT_TRUE(left == old || left == now) << left;
    }
    co_await file.close();
    EXPECT_EQ(count(), 0u);
  }
  // What the call may have made of it.
  Task<> to(std::string text_then, Task<> call) {
    now = std::move(text_then);
    co_await std::move(call);
  }
  SpooledTemporaryFile file;
  std::string now;
  std::array<char, 8> buffer{};
  std::array<std::string, 1> lines{"ab\n"};
};

Task<> write_more(Spooled& w) {
  co_await w.file.seek(0, Whence::end);
  co_await w.file.write("three");
}

const Rows<Spooled> spooled(both, {
    {"SpooledTemporaryFile::read", [](Spooled& w) { return only(w.file.read()); }, in_order},
    {"SpooledTemporaryFile::read_into",
     [](Spooled& w) { return only(w.file.read_into(w.buffer)); }, in_order},
    {"SpooledTemporaryFile::read_some",
     [](Spooled& w) { return only(w.file.read_some(w.buffer)); }, in_order},
    {"SpooledTemporaryFile::read_exactly",
     [](Spooled& w) { return w.file.read_exactly(w.buffer); }, in_order},
    {"SpooledTemporaryFile::readlines", [](Spooled& w) { return only(w.file.readlines()); },
     in_order},
    {"SpooledTemporaryFile::peek", [](Spooled& w) { return only(w.file.peek(3)); }, in_order},
    {"SpooledTemporaryFile::writelines",
     [](Spooled& w) { return w.to("ab\n\ntwo\n", w.file.writelines(w.lines)); }, in_order},
    {"SpooledTemporaryFile::readline", [](Spooled& w) { return only(w.file.readline()); },
     in_order},
    {"SpooledTemporaryFile::write",
     [](Spooled& w) { return w.to("six\ntwo\n", only(w.file.write("six"))); }, in_order},
    {"SpooledTemporaryFile::write more_than_there_is_room_for",
     [](Spooled& w) { return w.to("one\ntwo\nthree", write_more(w)); }, in_order},
    {"SpooledTemporaryFile::seek", [](Spooled& w) { return only(w.file.seek(2)); }, in_order},
    {"SpooledTemporaryFile::tell", [](Spooled& w) { return only(w.file.tell()); }, in_order},
    {"SpooledTemporaryFile::truncate",
     [](Spooled& w) { return w.to("one", only(w.file.truncate(3))); }, in_order},
    {"SpooledTemporaryFile::flush", [](Spooled& w) { return w.file.flush(); }, in_order},
    {"SpooledTemporaryFile::rollover", [](Spooled& w) { return w.file.rollover(); }, in_order},
    {"SpooledTemporaryFile::fileno", [](Spooled& w) { return only(w.file.fileno()); }, in_order},
    {"SpooledTemporaryFile::close", [](Spooled& w) { return w.file.close(); }, in_order},
});

}  // namespace
