// Rows of io: names in the file system, and whole files; inline and on the ring.
#include "sweeps/names.hpp"
#include "sweeps/sockets.hpp"

#include <eddy/file/fs.hpp>
#include <eddy/file/whole_file.hpp>

namespace {

using namespace test;

constexpr auto both = {FilePolicy::automatic, FilePolicy::ring};

const Rows<Names> looking(both, {
    {"fs::stat", [](Names& w) { return only(fs::stat(w.path("a"))); }, by_itself},
    {"fs::lstat", [](Names& w) { return only(fs::lstat(w.path("l"))); }, by_itself},
    {"fs::exists", [](Names& w) { return only(fs::exists(w.path("a"))); }, by_itself},
    {"fs::exists nowhere", [](Names& w) { return only(fs::exists(w.path("b"))); }, by_itself},
    {"fs::is_file", [](Names& w) { return only(fs::is_file(w.path("a"))); }, by_itself},
    {"fs::is_dir", [](Names& w) { return only(fs::is_dir(w.path("d"))); }, by_itself},
    {"fs::size", [](Names& w) { return only(fs::size(w.path("a"))); }, by_itself},
    {"fs::access", [](Names& w) { return only(fs::access(w.path("a"), R_OK)); }, by_itself},
    {"fs::access denied", [](Names& w) { return only(fs::access(w.path("a"), X_OK)); }, by_itself},
    {"fs::is_symlink", [](Names& w) { return only(fs::is_symlink(w.path("l"))); }, by_itself},
    {"fs::is_socket", [](Names& w) { return only(fs::is_socket(w.path("a"))); }, by_itself},
    {"fs::is_fifo", [](Names& w) { return only(fs::is_fifo(w.path("a"))); }, by_itself},
    {"fs::is_block_device", [](Names& w) { return only(fs::is_block_device(w.path("a"))); },
     by_itself},
    {"fs::is_char_device", [](Names& w) { return only(fs::is_char_device(w.path("a"))); },
     by_itself},
    {"fs::is_mount", [](Names& w) { return only(fs::is_mount(w.path("d"))); }, by_itself},
    {"fs::samefile", [](Names& w) { return only(fs::samefile(w.path("a"), w.path("l"))); },
     by_itself},
    {"fs::accessed", [](Names& w) { return only(fs::accessed(w.path("a"))); }, by_itself},
    {"fs::modified", [](Names& w) { return only(fs::modified(w.path("a"))); }, by_itself},
    {"fs::changed", [](Names& w) { return only(fs::changed(w.path("a"))); }, by_itself},
    {"fs::statvfs", [](Names& w) { return only(fs::statvfs(w.path("a"))); }, by_itself},
    {"fs::disk_usage", [](Names& w) { return only(fs::disk_usage(w.path("a"))); }, by_itself},
    {"fs::realpath", [](Names& w) { return only(fs::realpath(w.path("l"))); }, by_itself},
    {"fs::listdir", [](Names& w) { return only(fs::listdir(w.path(""))); }, by_itself},
    {"fs::readlink", [](Names& w) { return only(fs::readlink(w.path("l"))); }, by_itself},
    {"read_text", [](Names& w) { return only(read_text(w.path("a"))); }, by_itself},
    {"read_bytes", [](Names& w) { return only(read_bytes(w.path("a"))); }, by_itself},
});

const Rows<Names> changing(both, {
    {"fs::rename", [](Names& w) { return only(fs::rename(w.path("a"), w.may("b").path("b"))); },
     by_itself},
    {"fs::replace", [](Names& w) { return only(fs::replace(w.path("a"), w.may("b").path("b"))); },
     by_itself},
    {"fs::remove", [](Names& w) { return only(fs::remove(w.path("a"))); }, by_itself},
    {"fs::unlink", [](Names& w) { return only(fs::unlink(w.path("l"))); }, by_itself},
    {"fs::rmdir", [](Names& w) { return only(fs::rmdir(w.path("d"))); }, by_itself},
    {"fs::mkdir", [](Names& w) { return only(fs::mkdir(w.may("b").path("b"))); }, by_itself},
    {"fs::makedirs", [](Names& w) { return fs::makedirs(w.may("b").path("b/c/d")); }, by_itself},
    {"fs::symlink", [](Names& w) { return only(fs::symlink(w.path("d"), w.may("b").path("b"))); },
     by_itself},
    {"fs::link", [](Names& w) { return only(fs::link(w.path("a"), w.may("b").path("b"))); },
     by_itself},
    {"fs::chmod", [](Names& w) { return only(fs::chmod(w.path("a"), 0600)); }, by_itself},
    {"fs::chown",
     [](Names& w) { return only(fs::chown(w.path("a"), fs::unchanged, fs::unchanged)); },
     by_itself},
    {"fs::lchown",
     [](Names& w) { return only(fs::lchown(w.path("l"), fs::unchanged, fs::unchanged)); },
     by_itself},
    {"fs::touch",
     [](Names& w) {
       w.texts.insert("");
       return only(fs::touch(w.may("b").path("b")));
     },
     by_itself},
    {"fs::renames",
     [](Names& w) { return fs::renames(w.path("a"), w.may("b").path("b/c")); }, by_itself},
    {"fs::removedirs",
     [](Names& w) { return fs::removedirs(w.path("d")); },  // the one above holds the others
     by_itself},
    {"fs::utime", [](Names& w) { return only(fs::utime(w.path("a"), {}, {})); }, by_itself},
    {"fs::truncate", [](Names& w) { return only(fs::truncate(w.may("a", "old").path("a"), 3)); },
     by_itself},
    {"fs::copyfile",
     [](Names& w) {
       w.texts.insert("");  // it is left as far as it got
       return only(fs::copyfile(w.path("a"), w.may("b").path("b")));
     },
     by_itself},
    {"write_text",
     [](Names& w) {
       w.texts.insert("");
       return write_text(w.may("a", "new").path("a"), "new");
     },
     by_itself},
    {"write_bytes",
     [](Names& w) {
       w.texts.insert("");
       return write_bytes(w.may("a", "new").path("a"), "new");
     },
     by_itself},
    {"append_text",
     [](Names& w) { return append_text(w.may("a", "old text, new").path("a"), ", new"); },
     by_itself},
    {"write_atomic", [](Names& w) { return write_atomic(w.may("a", "new").path("a"), "new"); },
     by_itself},
});

}  // namespace
