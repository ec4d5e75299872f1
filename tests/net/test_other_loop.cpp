// What was used on one loop, and then on another: nothing of the first is looked up in the second,
// and nothing touches a loop that is gone.
#include "ends.hpp"
#include "file/policies.hpp"

#include <fcntl.h>

#include <thread>

namespace {

using namespace eddy;
using test::Ends;
using test::settle;

// A stream is a registered file from its 16th receive on.
Task<> use_often(Ends& ends, int times = 20) {
  for (int i = 0; i < times; ++i) {
    char byte = 0;
    co_await ends.a.write_all("x");
    co_await ends.b.read_some(MutableBytes(&byte, 1));
    EXPECT_EQ(byte, 'x');
  }
}

Task<std::string> read_one(Stream& stream) {
  char text[16];
  const std::size_t count = co_await stream.read_some(text);
  co_return std::string(text, count);
}

// The same places of another loop's table are those of other connections.
TEST(OtherLoop, AStreamReadsItsOwnBytes) {
  Ends moved;
  test::run([&]() -> Task<> { co_await use_often(moved); }, {.registered_files = 4});
  Ends others[4];
  test::run(
      [&]() -> Task<> {
        for (Ends& other : others) {
          co_await use_often(other);
          co_await other.a.write_all("theirs");
        }
        co_await moved.a.write_all("mine");
        EXPECT_EQ(co_await read_one(moved.b), "mine");
        co_await moved.b.write_all("back");
        EXPECT_EQ(co_await read_one(moved.a), "back");
        for (Ends& other : others) EXPECT_EQ(co_await read_one(other.b), "theirs");
      },
      {.registered_files = 4});
}

// Two loops of one thread, in turn, and a stream of each.
TEST(OtherLoop, AStreamServesTwoLoopsInTurn) {
  Loop first(test::options({.registered_files = 2}));
  Loop second(test::options({.registered_files = 2}));
  Ends a, b;
  first.run(use_often(a));
  second.run(use_often(b));
  for (int i = 0; i < 40; ++i) {
    const std::string text = std::to_string(i);
    (i % 2 ? first : second).run([&]() -> Task<> {
      co_await a.a.write_all(text);
      co_await b.a.write_all("other");
      EXPECT_EQ(co_await read_one(a.b), text);
      EXPECT_EQ(co_await read_one(b.b), "other");
    }());
  }
}

// A loop may lie where one lay that is gone.
TEST(OtherLoop, AStreamTakesNoPlaceFromALoopAtTheSameAddress) {
  alignas(Loop) static std::byte memory[sizeof(Loop)];
  const LoopOptions options = test::options({.registered_files = 1});
  Ends old;
  {
    Loop* loop = new (memory) Loop(options);
    loop->run(use_often(old));
    loop->~Loop();
  }
  Loop* loop = new (memory) Loop(options);
  Ends young;
  loop->run(use_often(young));
  old = Ends();
  loop->run([&]() -> Task<> {
    co_await young.a.write_all("here");
    EXPECT_EQ(co_await read_one(young.b), "here");
  }());
  loop->~Loop();
}

TEST(OtherLoop, ADatagramSocketReceivesItsOwn) {
  std::vector<UdpSocket> sockets;
  for (int i = 0; i < 3; ++i) sockets.push_back(UdpSocket::bind(Address::loopback(0)));
  const auto use = [](UdpSocket& socket, std::string text) -> Task<> {
    char got[16];
    co_await socket.send_to(text, socket.local());
    const Received received = co_await socket.receive(got);
    EXPECT_EQ(std::string_view(got, received.count), text);
  };
  for (int round = 0; round < 3; ++round) {
    test::run(
        [&]() -> Task<> {
          for (int i = 0; i < 60; ++i) {
            auto& socket = sockets[static_cast<std::size_t>(i + round) % 3];
            co_await use(socket, std::to_string(i) + " of " + std::to_string(round));
          }
        },
        {.registered_files = 2});
  }
}

TEST(OtherLoop, ARelayMovesTheBytesOfItsOwnStreams) {
  Ends from, to;
  test::run(
      [&]() -> Task<> {
        co_await use_often(from);
        co_await use_often(to);
      },
      {.registered_files = 2});
  Ends others[2];
  test::run(
      [&]() -> Task<> {
        for (Ends& other : others) co_await use_often(other);
        auto relaying = spawn(relay(from.b, to.a));
        co_await settle();
        co_await others[0].a.write_all("theirs");
        co_await from.a.write_all("mine");
        EXPECT_EQ(co_await read_one(to.b), "mine");
        from.a.shutdown_write();
        EXPECT_EQ(co_await relaying, 4u);
      },
      {.registered_files = 2});
}

// The ring of the other thread holds its file still: the peer hears of the end all the same, and
// the place comes back.
TEST(OtherLoop, AStreamOfAnotherThreadsLoopEndsWhenItIsDropped) {
  Loop home(test::options({.registered_files = 1}));
  Ends ends;
  home.run(use_often(ends));
  std::thread([&] {
    test::run([&]() -> Task<> {
      co_await ends.a.write_all("there");
      EXPECT_EQ(co_await read_one(ends.b), "there");
      ends.b = Stream();
      EXPECT_EQ(co_await read_one(ends.a), "") << "the peer sees the end";
    });
  }).join();
  const auto before = test::open_descriptors();
  Ends next;
  home.run(use_often(next));
  home.run([&]() -> Task<> {
    co_await next.b.close();
    EXPECT_EQ(co_await read_one(next.a), "");
  }());
  EXPECT_EQ(test::open_descriptors(), before + 1);
}

TEST(OtherLoop, ARegisteredBufferOutlivesItsLoop) {
  std::optional<RegisteredBuffer> kept;
  test::run([&]() -> Task<> {
    kept.emplace(8192);
    co_return;
  }, {.registered_buffers = 1});
  Ends ends;
  test::run(
      [&]() -> Task<> {
        RegisteredBuffer other(4096);
        co_await ends.a.write_all("plain");
        EXPECT_EQ(co_await ends.b.read_some(kept->bytes()), 5u);
        kept.reset();
        EXPECT_THROW(RegisteredBuffer(1), Error) << "no place was freed that was not its own";
      },
      {.registered_buffers = 1});
}

// The place it has in its own loop's table is somebody else's in this one's.
TEST(OtherLoop, AFileIsReadIntoARegisteredBufferOfAnother) {
  test::Directory directory;
  directory.write("file", "its own bytes");
  Loop home(test::options({.registered_buffers = 1}));
  std::optional<RegisteredBuffer> buffer;
  home.run([&]() -> Task<> {
    buffer.emplace(4096);
    co_return;
  }());
  const LoopOptions on_the_ring{.registered_buffers = 1, .file_policy = FilePolicy::ring};
  test::run(
      [&]() -> Task<> {
        RegisteredBuffer other(4096);
        std::ranges::fill(other.bytes(), std::byte{'#'});
        File file = co_await open(directory.path("file"), "rb");
        EXPECT_EQ(co_await file.read_at(buffer->bytes(), 0), 13u);
        EXPECT_EQ(Bytes(buffer->bytes().first(13)).text(), "its own bytes");
        EXPECT_EQ(other.bytes()[0], std::byte{'#'});
        co_await file.close();
      },
      on_the_ring);
}

TEST(OtherLoop, ARegisteredBufferThatDiesOnAnotherThreadFreesItsPlace) {
  Loop home(test::options({.registered_buffers = 1}));
  home.run([]() -> Task<> {
    auto buffer = std::make_unique<RegisteredBuffer>(4096);
    std::thread([&] { buffer.reset(); }).join();
    RegisteredBuffer next(4096);
    EXPECT_THROW(RegisteredBuffer(1), Error);
    co_return;
  }());
}

// Its place is one of another loop's table, its mount one of another loop's list.
TEST(OtherLoop, AFileReadsItsOwnBytes) {
  test::Directory directory;
  directory.write("mine", "mine, all mine");
  directory.write("other", "theirs, all theirs");
  for (const FilePolicy policy :
       {FilePolicy::automatic, FilePolicy::ring, FilePolicy::inline_}) {
    File kept;
    const LoopOptions options{.registered_files = 2, .file_policy = policy};
    test::run(
        [&]() -> Task<> {
          kept = co_await open(directory.path("mine"), "r+", {.registered = true});
          EXPECT_EQ(co_await kept.read(4), "mine");
        },
        options);
    EXPECT_EQ(kept.mode(), "r+");
    EXPECT_GE(kept.fileno(), 0);
    test::run(
        [&]() -> Task<> {
          File other = co_await open(directory.path("other"), "r+", {.registered = true});
          char text[4];
          co_await kept.read_at(text, 6);
          EXPECT_EQ(std::string_view(text, 4), "all ");
          EXPECT_EQ(co_await kept.read(), ", all mine");
          co_await kept.write_at("MINE", 0);
          co_await kept.close();
          EXPECT_EQ(directory.read("mine"), "MINE, all mine");
          EXPECT_EQ(co_await other.read(), "theirs, all theirs");
          directory.write("mine", "mine, all mine");
        },
        options);
  }
}

TEST(OtherLoop, AFileIsRefusedWhileItsLoopUsesIt) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  Loop home(test::options());
  Loop other(test::options());
  File file;
  home.run([&]() -> Task<> {
    file = File::adopt(out.get(), "rb", false);
    co_return;
  }());
  auto reading = home.spawn(file.read(3));
  home.turn();
  EXPECT_THROW(other.run(file.read(1)), UsageError);
  EXPECT_THROW(other.run([&]() -> Task<> { co_await file.close(); }()), UsageError);
  EXPECT_EQ(::write(in.get(), "abcd", 4), 4);
  while (!reading.done()) home.turn(1s);
  EXPECT_EQ(reading.result(), "abc");
  in.reset();
  EXPECT_EQ(other.run(file.read()), "d");
}

// What was prepared for one ring is not given to another.
TEST(OtherLoop, AWriteThatWasMadeOnOneLoopIsRefusedOnAnother) {
  test::Directory directory;
  Loop home(test::options());
  Loop other(test::options());
  File file;
  std::optional<WriteAt> writing;
  home.run([&]() -> Task<> {
    file = co_await open(directory.path("a"), "w", {.registered = true});
    writing.emplace(file.write_at("x", 0));
  }());
  EXPECT_THROW(other.run([&]() -> Task<> { co_await std::move(*writing); }()), UsageError);
  EXPECT_EQ(directory.read("a"), "");
}

TEST(OtherLoop, ARegisteredFileOutlivesItsLoop) {
  test::Directory directory;
  directory.write("a", "text");
  const auto before = test::open_descriptors();
  {
    File file;
    test::run(
        [&]() -> Task<> {
          file = co_await open(directory.path("a"), "r", {.registered = true});
        },
        {.registered_files = 1});
    EXPECT_FALSE(file.closed());
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST(OtherLoop, AListenerIsRefused) {
  Listener kept;
  Loop other(test::options());
  test::run([&]() -> Task<> {
    kept = listen(Address::loopback(0));
    EXPECT_THROW(other.run([](Listener& listener) -> Task<> { co_await listener.accept(); }(kept)),
                 UsageError)
        << "outside of a run";
    co_return;
  });
  test::run([&]() -> Task<> {
    EXPECT_THROW(co_await kept.accept(), UsageError);
    const Address address = kept.local();
    kept.close();
    Listener again = listen(address);
    auto client = co_await connect(address);
    co_await again.accept();
  });
}

}  // namespace
