// Rows of io: directories and trees; inline and on the ring.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/copy_tree.hpp>
#include <eddy/file/glob.hpp>
#include <eddy/file/move.hpp>
#include <eddy/file/remove_tree.hpp>
#include <eddy/file/scandir.hpp>
#include <eddy/file/walk.hpp>

#include <filesystem>

namespace {

using namespace test;
using test::Directory;  // there is an eddy::Directory, too

// A tree of a few directories, files and links.
struct Tree {
  Tree() {
    std::filesystem::create_directories(directory.path("tree/d/e"));
    directory.write("tree/a", "a text");
    directory.write("tree/d/b", "b text");
    std::filesystem::create_symlink("a", directory.path("tree/l"));
    directory.write("beside", "kept");
  }
  Text path(const char* name) const { return Text(directory.path(name)); }
  Task<> check() {
    const bool moved = std::filesystem::exists(directory.path("tree/d/beside"));
    EXPECT_EQ(directory.read(moved ? "tree/d/beside" : "beside"), "kept");
    co_return;
  }
  Directory directory;
};

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

Task<> read_all(DirectoryEntries entries) {
  while (auto entry = co_await entries.next()) EXPECT_NE(entry->name(), "");
}

const Rows<Tree> trees(both, {
    {"DirectoryEntries::next of_scandir",
     [](Tree& w) { return read_all(fs::scandir(w.path("tree"))); },
     by_itself},
    {"DirectoryEntries::next of_walk",
     [](Tree& w) { return read_all(fs::walk(w.path("tree"))); },
     by_itself},
    {"DirectoryEntries::next of_walk_bottom_up",
     [](Tree& w) { return read_all(fs::walk(w.path("tree"), {.bottom_up = true})); },
     by_itself},
    {"DirectoryEntries::next of_glob",
     [](Tree& w) { return read_all(fs::rglob(w.path("tree"), "[ab]/../[b]")); },
     by_itself},
    {"DirectoryEntry::stat",
     [](Tree& w) -> Task<> {
       auto entries = fs::scandir(w.path("tree"));
       const auto entry = co_await entries.next();
       co_await entry->stat();
     },
     by_itself},
    {"DirectoryEntry::lstat",
     [](Tree& w) -> Task<> {
       auto entries = fs::scandir(w.path("tree"));
       const auto entry = co_await entries.next();
       co_await entry->lstat();
     },
     by_itself},
    {"fs::copytree", [](Tree& w) { return fs::copytree(w.path("tree"), w.path("copy")); },
     by_itself},
    {"fs::move", [](Tree& w) { return only(fs::move(w.path("tree"), w.path("moved"))); },
     by_itself},
    {"fs::move into_a_directory",
     [](Tree& w) { return only(fs::move(w.path("beside"), w.path("tree/d"))); },
     by_itself},
    {"fs::rmtree", [](Tree& w) { return fs::rmtree(w.path("tree")); }, by_itself},
});

}  // namespace
