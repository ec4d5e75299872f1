#include "file/path_calls.hpp"
#include "file/policies.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <algorithm>
#include <map>

namespace {

using namespace eddy;

class Paths : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, Paths, test::every_policy(), test::name_of_policy);

// The kernel would read up to the zero byte, and remove, rename or overwrite another file.
TEST_P(Paths, WithAZeroByteAreRefusedBeforeAnythingIsDone) {
  directory.write("victim", "keep");
  directory.write("other", "this");
  ::chmod(path("victim").c_str(), 0604);
  run([&]() -> Task<> {
    const std::string cut = path("victim") + std::string("\0tail", 5);
    const std::string inside = path("new") + std::string("\0/below", 7);
    for (const auto& call : test::path_calls()) {
      for (const std::string& bad : {cut, inside}) {
        const bool second = std::string(call.name).ends_with(" to") ||
                            std::string(call.name).ends_with(" at");
        const std::string other = second ? path("other") : path("another");
        auto task = call.make(bad, other);
        EXPECT_THROW(co_await task, UsageError) << call.name;
      }
    }
    EXPECT_THROW(co_await fs::symlink("to", path("a") + std::string("\0b", 2)), UsageError);
    EXPECT_EQ(directory.read("victim"), "keep");
    EXPECT_EQ((co_await fs::stat(path("victim"))).mode & 07777u, 0604u);
    auto names = co_await fs::listdir(path(""));
    std::ranges::sort(names);
    EXPECT_EQ(names, (std::vector<std::string>{"other", "victim"}));
  });
}

// What stands at a path, by the name that it has.
struct Kind {
  const char* what;
  std::string name;
  void (*make)(const test::Directory& directory, const std::string& name);
};

void make_nothing(const test::Directory&, const std::string&) {}
void make_file(const test::Directory& directory, const std::string& name) {
  directory.write(name, "old");
}
void make_directory(const test::Directory& directory, const std::string& name) {
  ::mkdir(directory.path(name).c_str(), 0777);
}
void make_fifo(const test::Directory& directory, const std::string& name) {
  ::mkfifo(directory.path(name).c_str(), 0666);
}
void make_link(const test::Directory& directory, const std::string& name) {
  directory.write("target", "old");
  ::symlink("target", directory.path(name).c_str());
}
void make_dangling(const test::Directory& directory, const std::string& name) {
  ::symlink("nowhere", directory.path(name).c_str());
}
void make_loop(const test::Directory& directory, const std::string& name) {
  ::symlink(name.c_str(), directory.path(name).c_str());
}
// The one of /dev/null, if this user may make one.
void make_device(const test::Directory& directory, const std::string& name) {
  static_cast<void>(::mknod(directory.path(name).c_str(), S_IFCHR | 0666, ::makedev(1, 3)));
}
void make_socket(const test::Directory& directory, const std::string& name) {
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address address = Address::unix_path(directory.path(name));
  ::bind(socket.get(), address.data(), address.size());
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"a name of 255 bytes", std::string(255, 'n'), make_file},
      {"a name of 255 bytes that is free", std::string(255, 'n'), make_nothing},
      {"a name of 256 bytes", std::string(256, 'n'), make_nothing},
      {"a slash after a file", "file/", [](auto& at, auto&) { make_file(at, "file"); }},
      {"a slash after a directory", "sub/", [](auto& at, auto&) { make_directory(at, "sub"); }},
      {"a slash after nothing", "none/", make_nothing},
      {"no UTF-8", "\xff\xc0 \n\x7f", make_file},
      {"a directory", "sub", make_directory},
      {"a link", "link", make_link},
      {"a link to nothing", "link", make_dangling},
      {"a link to itself", "link", make_loop},
      {"a device", "device", make_device},
      {"a FIFO", "fifo", make_fifo},
      {"a socket", "socket", make_socket},
      {"the directory itself", ".", make_nothing},
      {"the directory above", "sub/..", [](auto& at, auto&) { make_directory(at, "sub"); }},
  };
  return all;
}

// What each call says to what stands there: "ok", or its errno.
Task<std::map<std::string, std::string>> answers(const Kind& kind) {
  std::map<std::string, std::string> all;
  for (const auto& call : test::path_calls()) {
    if (call.opens && kind.make == make_fifo) continue;  // by its contract it waits
    const test::Directory directory;
    kind.make(directory, kind.name);
    const std::string name = call.name;
    const bool second = name == "copyfile to" || name == "copy to" || name == "copystat to" ||
                        name == "rename to" || name == "link at";
    if (second) directory.write("other", "other");
    auto done = co_await as_result(call.make(directory.path(kind.name), directory.path("other")));
    all[name] = done ? "ok" : ::strerrorname_np(done.error().value());
    if (kind.make == make_fifo && name != "remove" && name != "unlink" && name != "rename to" &&
        !name.starts_with("re")) {
      struct stat now;
      EXPECT_EQ(::stat(directory.path(kind.name).c_str(), &now), 0) << name;
      EXPECT_TRUE(S_ISFIFO(now.st_mode)) << name << " replaced a FIFO";
    }
  }
  co_return all;
}

TEST(PathKinds, GetTheSameAnswerUnderEveryPolicy) {
  for (const Kind& kind : kinds()) {
    std::map<std::string, std::string> seen[3];
    for (const FilePolicy policy : {FilePolicy::automatic, FilePolicy::ring, FilePolicy::inline_}) {
      const auto body = [&]() -> Task<> {
        seen[static_cast<int>(policy)] = co_await answers(kind);
      };
      test::run(body, {.file_policy = policy});
    }
    EXPECT_EQ(seen[0], seen[1]) << kind.what;
    EXPECT_EQ(seen[0], seen[2]) << kind.what;
    auto& said = seen[0];
    if (kind.name.size() == 255) {
      EXPECT_EQ(said["write_atomic"], "ok") << "its temporary file has a longer name";
      EXPECT_EQ(said["write_text"], "ok");
    }
    if (kind.name.size() == 256) {
      for (const auto& [call, answer] : said) {
        // The last three say that it is not there.
        const bool is_no_failure = call == "symlink to" || call == "access" || call == "exists" ||
                                   call == "is_dir" || call == "is_file";
        EXPECT_EQ(answer, is_no_failure ? "ok" : "ENAMETOOLONG") << call;
      }
    }
    if (kind.make == make_fifo) {
      EXPECT_EQ(said["copyfile from"], "EINVAL");
      EXPECT_EQ(said["copyfile to"], "EINVAL");
      EXPECT_EQ(said["write_atomic"], "EINVAL");
    }
    if (kind.make == make_link) { EXPECT_EQ(said["write_atomic"], "ok"); }
    if (kind.make == make_directory) { EXPECT_EQ(said["copyfile from"], "EISDIR"); }
  }
}

TEST_P(Paths, ThatAreEmptyLeadNowhere) {
  run([&]() -> Task<> {
    for (const auto& call : test::path_calls()) {
      const std::string name = call.name;
      if (name == "exists" || name == "is_file" || name == "is_dir" || name == "access" ||
          name == "makedirs") {
        continue;  // false; and what is below of nothing begins at the root
      }
      directory.write("other", "x");
      auto done = co_await as_result(call.make("", path("other")));
      EXPECT_EQ(done.error(), std::errc::no_such_file_or_directory) << name;
    }
    EXPECT_FALSE(co_await fs::exists(""));
    EXPECT_EQ((co_await fs::listdir(path(""))).size(), 1u);
  });
}

}  // namespace
