#include "ends.hpp"

#include "support/directory.hpp"

#include <sys/mman.h>

namespace {

using namespace eddy;
using test::Ends;
using test::settle;
using test::wait_until_done;

struct Verb {
  const char* name;
  Task<> (*run)(Stream& stream);
};

const std::string& much() {
  static const std::string text = test::pattern(3'000'000);
  return text;
}

// Until the kernel takes no more.
void fill_up(Stream& stream) {
  const int fd = stream.socket().fileno();
  while (::send(fd, much().data(), much().size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
  }
}

// A file without a name, of zeros.
File much_to_send(FilePolicy policy) {
  const int fd = ::memfd_create("much", MFD_CLOEXEC);
  EXPECT_EQ(::ftruncate(fd, static_cast<off_t>(much().size())), 0);
  return File::adopt(fd, "rb", true, {.policy = policy});
}

// Each waits for a peer that neither writes nor reads. The stream may move meanwhile.
const Verb verbs[] = {
    {"read_some",
     [](Stream& stream) -> Task<> {
       char buffer[4];
       co_await stream.read_some(buffer);
     }},
    {"read_exactly",
     [](Stream& stream) -> Task<> {
       char buffer[4];
       co_await stream.read_exactly(buffer);
     }},
    {"read_until", [](Stream& stream) -> Task<> { co_await stream.read_until("\n"); }},
    {"readline", [](Stream& stream) -> Task<> { co_await stream.readline(); }},
    {"read_all", [](Stream& stream) -> Task<> { co_await stream.read_all(); }},
    {"fill", [](Stream& stream) -> Task<> { co_await stream.fill(); }},
    {"lines",
     [](Stream& stream) -> Task<> {
       auto lines = stream.lines();
       co_await lines.next();
     }},
    {"write_all", [](Stream& stream) -> Task<> { co_await stream.write_all(much()); }},
    {"write_vectored",
     [](Stream& stream) -> Task<> {
       const Bytes pieces[2] = {"head", much()};
       co_await stream.write_vectored(pieces);
     }},
    {"send_zero_copy", [](Stream& stream) -> Task<> { co_await stream.send_zero_copy(much()); }},
    {"write",
     [](Stream& stream) -> Task<> {
       fill_up(stream);
       co_await stream.write("x");
     }},
    {"send_file",
     [](Stream& stream) -> Task<> {
       File file = much_to_send(FilePolicy::automatic);
       co_await stream.send_file(file);
     }},
    {"send_file_by_the_ring",
     [](Stream& stream) -> Task<> {
       File file = much_to_send(FilePolicy::ring);
       co_await stream.send_file(file);
     }},
};

class StreamEnd : public testing::TestWithParam<unsigned> {
 public:
  // Runs the verb for `turns` turns, then `end`, and checks how it ended. A stream that is gone
  // before the verb began refuses it.
  template <class F>
  void end_at_every_turn(F end) {
    const Verb& verb = verbs[GetParam()];
    const auto before = test::open_descriptors();
    for (int turns = 0; turns < 7; ++turns) {
      test::run([&]() -> Task<> {
        Ends ends;
        auto task = spawn([&]() -> Task<> { co_await verb.run(ends.a); });
        for (int i = 0; i < turns; ++i) co_await yield();
        co_await end(ends.a);
        try {
          co_await task;
          ADD_FAILURE() << verb.name << ' ' << turns;
        } catch (const UsageError&) {
          EXPECT_LE(turns, 1) << verb.name;
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), std::errc::operation_canceled) << verb.name << ' ' << turns;
        }
        EXPECT_TRUE(ends.a.closed());
        std::string got(much().size(), '\0');
        auto rest = co_await as_result(ends.b.read_all());
        EXPECT_TRUE(rest && much().size() > rest->size()) << "the peer sees the end";
      });
      EXPECT_EQ(test::open_descriptors(), before) << verb.name << ' ' << turns;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(
    Verbs, StreamEnd, testing::Range(0u, static_cast<unsigned>(std::size(verbs))),
    [](const testing::TestParamInfo<unsigned>& verb) { return verbs[verb.param].name; });

TEST_P(StreamEnd, ComesWithClose) {
  end_at_every_turn([](Stream& stream) -> Task<> { co_await stream.close(); });
}

TEST_P(StreamEnd, ComesWhenTheStreamIsDropped) {
  end_at_every_turn([](Stream& stream) -> Task<> {
    stream = Stream();
    co_return;
  });
}

TEST_P(StreamEnd, ComesWhenItMovedAndIsDroppedThen) {
  end_at_every_turn([](Stream& stream) -> Task<> {
    Stream moved = std::move(stream);
    co_await yield();
    EXPECT_FALSE(moved.closed());
  });
}

TEST_P(StreamEnd, ComesWhenItIsDroppedWhileCloseWaits) {
  end_at_every_turn([](Stream& stream) -> Task<> {
    auto closing = stream.close();
    stream = Stream();
    co_await std::move(closing);
  });
}

TEST_P(StreamEnd, ComesWithACloseThatIsCancelled) {
  end_at_every_turn([](Stream& stream) -> Task<> {
    auto closing = spawn(stream.close());
    co_await yield();
    closing.cancel();
    co_await wait_until_done(closing);
    co_await stream.close();
  });
}

TEST_P(StreamEnd, ComesWithTwoClosesAtOnce) {
  end_at_every_turn([](Stream& stream) -> Task<> {
    auto first = spawn(stream.close());
    auto second = spawn(stream.close());
    co_await first;
    co_await second;
  });
}

// F02: the stream stays, and its verb ends with the loop's close().
TEST_P(StreamEnd, DoesNotComeWithTheLoop) {
  const Verb& verb = verbs[GetParam()];
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 7; ++turns) {
    {
      Ends ends;
      std::optional<TaskHandle> task;
      test::run([&]() -> Task<> {
        task = spawn(verb.run(ends.a));
        for (int i = 0; i < turns; ++i) co_await yield();
      });
      EXPECT_TRUE(task->cancelled()) << verb.name << ' ' << turns;
      EXPECT_FALSE(ends.a.closed());
    }
    EXPECT_EQ(test::open_descriptors(), before) << verb.name << ' ' << turns;
  }
}

// C1: a cancelled verb leaves a stream that goes on, in the other direction at least
TEST_P(StreamEnd, DoesNotComeWithACancel) {
  const Verb& verb = verbs[GetParam()];
  const bool writes = GetParam() >= 7;
  for (int turns = 0; turns < 7; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      auto task = spawn([&]() -> Task<> { co_await verb.run(ends.a); });
      for (int i = 0; i < turns; ++i) co_await yield();
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled()) << verb.name << ' ' << turns;
      Stream& from = writes ? ends.b : ends.a;
      Stream& to = writes ? ends.a : ends.b;
      co_await from.write_all("on\n");
      EXPECT_EQ(co_await to.readline(), "on\n");
    });
  }
}

// A call that was made and not begun counts as an owner, and finds the stream closed.
TEST(StreamEndings, RefuseACallThatWasMadeBefore) {
  test::run([]() -> Task<> {
    Ends ends;
    char buffer[4];
    auto some = ends.a.read_some(buffer);
    auto exactly = ends.a.read_exactly(buffer);
    auto fill = ends.a.fill();
    auto line = ends.a.readline();
    auto write = ends.a.write_all("x");
    auto copy = ends.a.send_zero_copy("x");
    ends.a = Stream();
    const auto ended = [](const auto& result) {
      return !result && result.error() == std::errc::operation_canceled;
    };
    EXPECT_TRUE(ended(co_await as_result(std::move(some))));
    EXPECT_TRUE(ended(co_await as_result(std::move(exactly))));
    EXPECT_TRUE(ended(co_await as_result(std::move(fill))));
    EXPECT_TRUE(ended(co_await as_result(std::move(line))));
    EXPECT_TRUE(ended(co_await as_result(std::move(write))));
    EXPECT_TRUE(ended(co_await as_result(std::move(copy))));
  });
}

// Lines that are kept do not keep the descriptor open.
TEST(StreamEndings, CloseTheDescriptorAlthoughLinesAreKept) {
  test::run([]() -> Task<> {
    Ends ends;
    auto lines = ends.a.lines();
    auto reader = spawn([&]() -> Task<> { co_await lines.next(); });
    co_await settle();
    const auto open = test::open_descriptors();
    ends.a = Stream();
    EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
    EXPECT_EQ(test::open_descriptors(), open - 1);
    EXPECT_EQ(co_await ends.b.read_all(), "");
    EXPECT_EQ((co_await as_result(lines.next())).error(), std::errc::operation_canceled);
  });
}

// A registered file is a reference of the ring's: it must not keep the connection up, and its place
// serves the next.
TEST(StreamEndings, FreeThePlaceOfARegisteredFile) {
  for (const bool drop : {false, true}) {
    const auto before = test::open_descriptors();
    test::run(
        [&]() -> Task<> {
          for (int round = 0; round < 5; ++round) {
            Ends ends;
            char buffer[1];
            for (int i = 0; i < 20; ++i) {
              co_await ends.a.write_all("x");
              co_await ends.b.read_some(buffer);
            }
            auto reader = spawn([&]() -> Task<> {
              char other[1];
              co_await ends.b.read_some(other);
            });
            co_await settle();
            if (drop) {
              ends.b = Stream();
            } else {
              co_await ends.b.close();
            }
            EXPECT_EQ((co_await as_result(reader)).error(), std::errc::operation_canceled);
            EXPECT_EQ(co_await ends.a.read_some(buffer), 0u);
          }
        },
        {.registered_files = 2});
    EXPECT_EQ(test::open_descriptors(), before);
  }
}

TEST(StreamEndings, MayOutliveTheLoop) {
  const auto before = test::open_descriptors();
  {
    Ends kept;
    test::run(
        [&]() -> Task<> {
          char buffer[1];
          for (int i = 0; i < 20; ++i) {
            co_await kept.a.write_all("x");
            co_await kept.b.read_some(buffer);
          }
          co_await kept.a.write_all("ahead");
          co_await kept.b.fill();
        },
        {.registered_files = 4});
    EXPECT_EQ(kept.b.buffered().text(), "ahead");
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

}  // namespace
