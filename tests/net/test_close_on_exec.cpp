// No descriptor that the library makes is inherited by a program that somebody starts meanwhile.
#include "core/kernel.hpp"
#include "ends.hpp"
#include "file/policies.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <charconv>
#include <filesystem>
#include <set>

namespace {

using namespace eddy;

// Descriptors without FD_CLOEXEC that were not there when this began, by what they refer to: looked
// for in each turn, and before each is closed by close(2).
class Inherited {
 public:
  Inherited() {
    each([this](int fd) {
      if (!closes_on_exec(fd)) known_.insert(fd);
    });
    watching = this;
  }
  ~Inherited() { watching = nullptr; }

  void look(int fd) {
    if (closes_on_exec(fd) || known_.contains(fd)) return;
    std::error_code gone;
    const auto what = std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), gone);
    if (!gone) found_.insert(what.string());
  }
  void look() {
    each([this](int fd) { look(fd); });
  }
  std::string found() const {
    std::string all;
    for (const auto& what : found_) all += what + " ";
    return all;
  }

  static inline Inherited* watching = nullptr;

 private:
  static bool closes_on_exec(int fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    return flags < 0 || flags & FD_CLOEXEC;
  }
  template <class F>
  static void each(F&& see) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      const std::string name = entry.path().filename();
      int fd = -1;
      std::from_chars(name.data(), name.data() + name.size(), fd);
      see(fd);
    }
  }

  std::set<int> known_;
  std::set<std::string> found_;
};

}  // namespace

extern "C" int close(int fd) {
  if (Inherited::watching) Inherited::watching->look(fd);
  return static_cast<int>(::syscall(SYS_close, fd));
}

namespace {

class CloseOnExec : public test::EveryPolicy {
 protected:
  // Looks in every turn of `body`.
  template <class F>
  std::string found_during(F body, std::uint32_t without = 0) {
    Inherited inherited;
    run(
        [&]() -> Task<> {
          bool over = false;
          auto watcher = spawn([&]() -> Task<> {
            while (!over) {
              inherited.look();
              co_await yield();
            }
          });
          co_await body();
          inherited.look();
          over = true;
          co_await watcher;
        },
        {.without = without});
    return inherited.found();
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, CloseOnExec, test::every_policy(), test::name_of_policy);

TEST_P(CloseOnExec, IsWatchedForByThisTest) {
  const auto body = [&]() -> Task<> {
    const UniqueFd bad(::open("/dev/null", O_RDONLY));
    co_return;
  };
  EXPECT_EQ(found_during(body), "/dev/null ");
}

TEST_P(CloseOnExec, IsOnTheDescriptorsOfALoop) {
  const auto body = [&]() -> Task<> {
    EXPECT_GE(Loop::current().fd(), 0);
    co_return;
  };
  EXPECT_EQ(found_during(body), "");
}

TEST_P(CloseOnExec, IsOnFiles) {
  directory.write("a", "text");
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0666), 0);
  const auto body = [&]() -> Task<> {
    std::vector<File> files;
    for (const char* mode : {"r", "r+", "w", "a", "w+"}) {
      files.push_back(co_await open(path("a"), mode));
    }
    files.push_back(co_await open(path("new"), "x"));
    files.push_back(co_await open(path("a"), OpenFlags{O_RDWR}));
    auto reader = spawn([&]() -> Task<File> { co_return co_await open(path("fifo"), "r"); });
    co_await test::settle();
    files.push_back(co_await open(path("fifo"), "w"));
    files.push_back(co_await reader);
    Inherited::watching->look();
    for (File& file : files) co_await file.close();
    co_await write_text(path("a"), std::string(100'000, 'x'));
    co_await write_atomic(path("a"), "atomic");
    co_await read_text(path("a"));
    co_await fs::copyfile(path("a"), path("b"));
    co_await fs::listdir(path(""));
  };
  EXPECT_EQ(found_during(body), "");
}

TEST_P(CloseOnExec, IsOnStreams) {
  for (const std::uint32_t without : {0u, std::uint32_t{feature_multishot_accept}}) {
    const auto body = [&]() -> Task<> {
      const Address local = Address::unix_path(path("socket" + std::to_string(without)));
      for (const Address& address : {Address::loopback(0), Address::loopback6(0), local}) {
        Listener listener = listen(address);
        Stream client = co_await connect(listener.local());
        Stream served = co_await listener.accept();
        auto filling = spawn([&]() -> Task<> { co_await served.fill(); });
        co_await test::settle();
        co_await client.write_all("into memory that the kernel finds");
        co_await filling;
        test::Ends ends;
        client.shutdown_write();
        co_await relay(served, ends.a);
        Inherited::watching->look();
        co_await client.close();
      }
    };
    EXPECT_EQ(found_during(body, without), "");
  }
}

TEST_P(CloseOnExec, IsOnSocketsOfDatagrams) {
  const auto body = [&]() -> Task<> {
    UdpSocket bound = UdpSocket::bind(Address::loopback(0));
    UnixDatagram named = UnixDatagram::bind(Address::unix_path(path("datagrams")));
    auto [a, b] = UnixDatagram::pair();
    const int two[] = {0, bound.socket().fileno()};
    co_await a.send_with("two", two);
    char buffer[8];
    UniqueFd places[2];
    const ReceivedWith got = co_await b.receive_with(buffer, places);
    EXPECT_EQ(got.descriptors, 2u);
  };
  EXPECT_EQ(found_during(body), "");
}

}  // namespace
