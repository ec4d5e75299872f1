// Rows of io: directories and trees; inline and on the ring.
#include "sweeps/sockets.hpp"

#include "support/directory.hpp"

#include <eddy/file/remove_tree.hpp>

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
    EXPECT_EQ(directory.read("beside"), "kept");
    co_return;
  }
  Directory directory;
};

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Tree> trees(both, {
    {"fs::rmtree", [](Tree& w) { return fs::rmtree(w.path("tree")); }, by_itself},
});

}  // namespace
