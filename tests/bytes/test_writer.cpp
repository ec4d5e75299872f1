#include "net/ends.hpp"

#include "core/kernel.hpp"
#include "support/allocations.hpp"
#include "support/directory.hpp"

namespace {

using namespace eddy;
using test::Ends;
using test::wait_until_done;

TEST(Writer, BringsManySmallWritesToItsSinkInOrder) {
  test::run([]() -> Task<> {
    Ends ends;
    Writer writer(ends.a);
    std::string all;
    for (int i = 0; i < 1000; ++i) {
      writer.write(std::to_string(i) + ' ');
      all += std::to_string(i) + ' ';
    }
    EXPECT_EQ(writer.buffered(), all.size());
    const auto submitted = Loop::current().stats().submitted;
    co_await writer.flush();
    EXPECT_EQ(writer.buffered(), 0u);
    EXPECT_LE(Loop::current().stats().submitted - submitted, 2u);
    std::string got(all.size(), '\0');
    co_await ends.b.read_exactly(got);
    EXPECT_EQ(got, all);
    co_await writer.close();
    co_await writer.close();
    EXPECT_THROW(writer.write("more"), UsageError);
  });
}

TEST(Writer, HoldsAProducerBetweenItsMarks) {
  test::run([]() -> Task<> {
    Ends ends;
    Writer writer(ends.a, {.high = 1000, .low = 100});
    writer.write(std::string(1000, 'x'));
    const auto turns = Loop::current().stats().turns;
    co_await writer.drain();
    EXPECT_EQ(Loop::current().stats().turns, turns) << "not above the high mark";
    std::size_t most = 0, total = 1000;
    auto producer = spawn([&]() -> Task<> {
      for (int i = 0; i < 500; ++i) {
        writer.write(std::string(3000, 'y'));
        total += 3000;
        most = std::max(most, writer.buffered());
        co_await writer.drain();
        EXPECT_LE(writer.buffered(), 100u);
      }
      co_await writer.close();
      ends.a.shutdown_write();
    });
    const std::string got = co_await ends.b.read_all();
    co_await producer;
    EXPECT_EQ(got.size(), total);
    EXPECT_LE(most, 4000u);
  });
}

TEST(Writer, TellsEverybodyThatItsSinkFailed) {
  test::run([]() -> Task<> {
    Ends ends;
    Writer writer(ends.a, {.high = 10, .low = 1});
    writer.write(std::string(3'000'000, 'x'));
    auto first = spawn([&]() -> Task<> { co_await writer.drain(); });
    auto second = spawn([&]() -> Task<> { co_await writer.flush(); });
    co_await test::settle();
    EXPECT_FALSE(first.done());
    co_await ends.b.close();
    for (auto& task : {first, second}) {
      EXPECT_EQ((co_await as_result(task)).error(), std::errc::broken_pipe);
    }
    EXPECT_THROW(writer.write("x"), Error);
    EXPECT_EQ((co_await as_result(writer.close())).error(), std::errc::broken_pipe);
  });
}

// C1, C3: a drain that is cancelled takes nothing back
TEST(Writer, WritesOnWhenADrainIsCancelled) {
  for (int turns = 0; turns < 5; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      const std::string much(2'000'000, 'x');
      Writer writer(ends.a);
      writer.write(much);
      auto task = spawn([&]() -> Task<> { co_await writer.drain(); });
      co_await test::settle(turns);
      task.cancel();
      co_await wait_until_done(task);
      EXPECT_TRUE(task.cancelled());
      std::string got(much.size(), '\0');
      co_await ends.b.read_exactly(got);
      EXPECT_TRUE(got == much);
      co_await writer.close();
    });
  }
}

TEST(Writer, StopsWhenItIsDropped) {
  const auto before = test::open_descriptors();
  for (int turns = 0; turns < 5; ++turns) {
    test::run([&]() -> Task<> {
      Ends ends;
      {
        Writer writer(ends.a);
        writer.write(std::string(3'000'000, 'x'));
        co_await test::settle(turns);
      }
      ends.a = Stream();
      const std::string got = co_await ends.b.read_all();
      EXPECT_LT(got.size(), 3'000'000u);
    });
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

// F02
TEST(Writer, EndsWithItsLoop) {
  test::run([]() -> Task<> {
    const auto writes = []() -> Task<> {
      Ends ends;
      Writer writer(ends.a);
      writer.write(std::string(3'000'000, 'x'));
      co_await writer.close();
    };
    spawn(writes());
    co_await test::settle();
  });
}

TEST(Writer, WritesFilesAndPipes) {
  test::Directory directory;
  test::run([&]() -> Task<> {
    File file = co_await open(directory.path("out"), "w");
    Writer to_file(file);
    to_file.write("first ");
    to_file.write("second");
    co_await to_file.close();
    EXPECT_EQ(directory.read("out"), "first second");
    co_await file.close();

    test::Pipe pipe;
    File in = File::adopt(pipe.in.get(), "w", false);
    Writer to_pipe(in);
    to_pipe.write("through");
    co_await to_pipe.close();
    char buffer[16];
    EXPECT_EQ(::read(pipe.out.get(), buffer, sizeof buffer), 7);
    co_await in.close();
  });
}

TEST(Writer, AllocatesNothing) {
  if (!test::can_count_allocations()) GTEST_SKIP() << "the allocator is not ours";
  Loop loop(test::options());
  Ends ends;
  const auto make = [&]() -> Task<Writer<Stream>*> { co_return new Writer(ends.a); };
  const std::unique_ptr<Writer<Stream>> writer(loop.run(make()));
  const auto rounds = [&]() -> Task<> {
    char buffer[8];
    for (int i = 0; i < 10; ++i) {
      writer->write("1234");
      writer->write("5678");
      co_await writer->flush();
      co_await ends.b.read_exactly(buffer);
    }
  };
  EXPECT_EQ(test::allocations_of([&] { loop.run(rounds()); }), 0u);
}

}  // namespace
