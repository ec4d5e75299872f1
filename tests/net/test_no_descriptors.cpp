// No descriptor left, at the first step that needs one, at the second ...: an error that says what
// could not be done, nothing left open, and a loop that goes on.
#include "net/ends.hpp"
#include "file/policies.hpp"
#include "support/few_descriptors.hpp"

#include <eddy/net/internal/receive_buffers.hpp>

#include <sys/wait.h>

#include <cstdlib>
#include <functional>

namespace {

using namespace eddy;
using namespace eddy::internal;
using test::LastDescriptors;

using Body = std::function<Task<>()>;

// An error for want of descriptors: by its code, or for want of a better one by its text.
bool tells(const Error& error) {
  return error.code().value() == EMFILE || error.code().value() == ENFILE;
}

class NoDescriptors : public test::EveryPolicy {
 protected:
  // `body` on a loop that has been used; how often it failed before it went well.
  std::size_t each(std::string_view names, Body body) {
    return test::fail_each_descriptor([&](LastDescriptors& few) {
      bool failed = false;
      run([&]() -> Task<> {
        co_await body();  // whatever the loop makes once is there
        few.arm();
        try {
          co_await body();
        } catch (const Error& error) {
          few.disarm();
          failed = true;
          EXPECT_TRUE(tells(error)) << error.what();
          EXPECT_NE(std::string_view(error.what()).find(names), std::string_view::npos)
              << error.what();
        }
        few.disarm();
        co_await body();
      });
      return failed;
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Policy, NoDescriptors, test::every_policy(), test::name_of_policy);

TEST_P(NoDescriptors, ToOpenAFileInAnyMode) {
  directory.write("there", "text");
  for (const char* mode : {"r", "r+", "w", "w+", "a", "a+"}) {
    const std::size_t failed = each("open", [&]() -> Task<> {
      File file = co_await open(path("there"), mode);
      co_await file.close();
    });
    EXPECT_EQ(failed, 1u) << mode;
  }
}

TEST_P(NoDescriptors, ToCreateAFile) {
  const std::size_t failed = each("open", [&]() -> Task<> {
    File file = co_await open(path("new"), "x");
    co_await file.close();
    co_await fs::remove(path("new"));
  });
  EXPECT_EQ(failed, 1u);
}

TEST_P(NoDescriptors, ForReadTextAndReadBytes) {
  directory.write("there", "text");
  EXPECT_EQ(each("open", [&]() -> Task<> { EXPECT_EQ(co_await read_text(path("there")), "text"); }),
            1u);
  EXPECT_EQ(each("open", [&]() -> Task<> { co_await read_bytes(path("there")); }), 1u);
}

TEST_P(NoDescriptors, ForWriteAtomicLeavesTheOldFileAndNothingElse) {
  directory.write("there", "old");
  const std::size_t failed = each("open", [&]() -> Task<> {
    // Nothing has a descriptor to look with: the sizes tell.
    auto written = co_await as_outcome(write_atomic(path("there"), "newer"));
    EXPECT_EQ(std::filesystem::file_size(path("there")), written ? 5u : 3u);
    if (!written) co_await fail(std::move(written.error()));
    std::filesystem::resize_file(path("there"), 3);
  });
  EXPECT_EQ(failed, 2u) << "the directory and the new file";
  for (const auto& entry : std::filesystem::directory_iterator(path("."))) {
    EXPECT_EQ(entry.path().filename(), "there");
  }
}

// Without a pipe it copies through memory.
TEST_P(NoDescriptors, ForCopyfile) {
  directory.write("from", std::string(300'000, 'x'));
  const std::size_t failed = each("open", [&]() -> Task<> {
    co_await fs::copyfile(path("from"), path("to"));
    EXPECT_EQ(std::filesystem::file_size(path("to")), 300'000u);
  });
  EXPECT_EQ(failed, 2u) << "the two files";
}

TEST_P(NoDescriptors, ForListdir) {
  EXPECT_EQ(each("listdir", [&]() -> Task<> { co_await fs::listdir(path(".")); }), 1u);
}

// What was known of the mounts stays known.
TEST_P(NoDescriptors, ForTheTableOfMounts) {
  run([&]() -> Task<> {
    Storage& storage = Storage::current();
    storage.load("1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / /far rw - nfs server:/ rw\n", "/");
    EXPECT_TRUE(storage.mount_of("/far/file").remote);
    LastDescriptors few(0);
    few.arm();
    co_await sleep(Storage::table_age + 1s);
    EXPECT_TRUE(storage.mount_of("/far/file").remote);
    few.disarm();
    co_await sleep(Storage::try_table_again + 1s);
    EXPECT_FALSE(storage.mount_of("/far/file").remote) << "read again, soon";
  });
}

class NoDescriptorsForSockets : public NoDescriptors {};
INSTANTIATE_TEST_SUITE_P(Policy, NoDescriptorsForSockets,
                         testing::Values(FilePolicy::automatic), test::name_of_policy);

TEST_P(NoDescriptorsForSockets, ToListen) {
  const std::size_t failed = each("socket", []() -> Task<> {
    Listener listener = listen(Address::loopback(0));
    listener.close();
    co_await yield();
  });
  EXPECT_EQ(failed, 1u);
}

TEST_P(NoDescriptorsForSockets, ToConnectAndToAccept) {
  const std::size_t failed = test::fail_each_descriptor([&](LastDescriptors& few) {
    bool any = false;
    run([&]() -> Task<> {
      Listener listener = listen(Address::loopback(0));
      const Address address = listener.local();
      few.arm();
      auto client = co_await as_result(connect(address));
      if (!client) {
        any = true;
        EXPECT_EQ(client.error().value(), EMFILE);
        few.disarm();
        co_return;
      }
      auto accepted = co_await as_result(listener.accept());
      few.disarm();
      if (!accepted) {
        any = true;
        EXPECT_EQ(accepted.error().value(), EMFILE);
        accepted = co_await as_result(listener.accept());  // it waits in the kernel
      }
      EXPECT_TRUE(accepted.has_value());
      if (!accepted) co_return;
      co_await client->write_all("there");
      EXPECT_EQ(co_await accepted->fill(), 5u);
    });
    return any;
  });
  EXPECT_EQ(failed, 2u);
}

TEST_P(NoDescriptorsForSockets, ForDatagrams) {
  EXPECT_EQ(each("socket", []() -> Task<> {
    UdpSocket socket = UdpSocket::bind(Address::loopback(0));
    co_await socket.close();
  }), 1u);
  EXPECT_EQ(each("socket", [&]() -> Task<> {
    UnixDatagram socket = UnixDatagram::bind(Address::unix_path(path("socket")));
    co_await socket.close();
    std::filesystem::remove(path("socket"));
  }), 1u);
  EXPECT_EQ(each("socket", []() -> Task<> {
    auto [a, b] = UnixDatagram::pair();
    co_await a.close();
    co_await b.close();
  }), 2u);
}

// Copies what it cannot splice.
TEST_P(NoDescriptorsForSockets, ForTheRelaysPipe) {
  for (const std::size_t count : {50u, 0u, 1u, 2u}) {
    run([&]() -> Task<> {
      test::Ends from, to;
      LastDescriptors few(count);
      few.arm();
      auto relaying = spawn(relay(from.b, to.a));
      co_await from.a.write_all(std::string(20'000, 'x'));
      co_await from.a.close();
      EXPECT_EQ(co_await relaying, 20'000u);
      co_await to.a.close();
      EXPECT_EQ((co_await to.b.read_all()).size(), 20'000u);
    });
  }
}

// Whether a loop of `options` lets the kernel fill a buffer bit by bit, with so many descriptors.
bool incremental(std::size_t count, LoopOptions options = {}) {
  bool works = false;
  test::run(
      [&]() -> Task<> {
        LastDescriptors few(count);
        few.arm();
        works = Loop::current().service<ReceiveBuffers>().incremental();
        co_await yield();
      },
      options);
  return works;
}

// In a process of its own, which begins this test anew: the answer is kept for all loops.
TEST(NoDescriptorsAtAll, ForTheBuffersOfALoopDecidesNothingForTheNext) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto ask = [] {
    // With plenty, for what UBSan opens a pipe for: see fail_each_descriptor().
    incremental(50, {.without = feature_incremental_buffers});
    if (!tells(Error(EMFILE, "a class")) || Ring(open_io_uring({})).abandoned()) std::_Exit(6);
    incremental(0, {.without = feature_incremental_buffers});
    for (const std::size_t count : {0u, 1u, 2u}) {
      if (incremental(count)) std::_Exit(5);
    }
    std::_Exit(incremental(50) ? 3 : 4);
  };
  int code = 0;
  const auto note = [&](int status) {
    code = WEXITSTATUS(status);
    return WIFEXITED(status) && (code == 3 || code == 4);  // or what it wrote is shown
  };
  EXPECT_EXIT(ask(), note, "");
  EXPECT_EQ(code, incremental(50) ? 3 : 4);
}

TEST(NoDescriptorsAtAll, ForALoopAndItsDescriptor) {
  EXPECT_TRUE(tells(Error(EMFILE, "see UBSan's look at a class, above")));
  const auto before = test::open_descriptors();
  const std::size_t failed = test::fail_each_descriptor([](LastDescriptors& few) {
    few.arm();
    try {
      Loop loop(test::options());
      loop.fd();
      few.disarm();
      loop.run(test::settle());
      return false;
    } catch (const Error& error) {
      few.disarm();
      EXPECT_EQ(error.code().value(), EMFILE);
      return true;
    }
  });
  EXPECT_GE(failed, 3u) << "the ring, and two eventfds";
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(NoDescriptorsAtAll, ForTheDescriptorOfALoopThatRuns) {
  Loop loop(test::options());
  {
    LastDescriptors few(0);
    few.arm();
    EXPECT_THROW(loop.fd(), Error);
  }
  EXPECT_GE(loop.fd(), 0);
  loop.run(test::settle());
}

}  // namespace
