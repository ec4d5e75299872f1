// Whatever writes to a pipe or a socket that nobody reads any more gets EPIPE; no signal ends the
// process, though it would by default.
#include "core/kernel.hpp"
#include "ends.hpp"

#include "support/directory.hpp"

#include <signal.h>
#include <sys/stat.h>

namespace {

using namespace eddy;
using test::Ends;
using test::Pipe;
using test::wait_until_done;

// SIGPIPE is what it is by default: the test would not survive one.
class BrokenPipe : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { before_ = ::signal(SIGPIPE, SIG_DFL); }
  void TearDown() override {
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_FALSE(::sigismember(&pending, SIGPIPE));
    ::signal(SIGPIPE, before_);
  }

  template <class F>
  void run(F&& body) {
    test::run(std::forward<F>(body), {.without = GetParam()});
  }

 private:
  void (*before_)(int) = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Kernels, BrokenPipe,
                         testing::Values(0u, std::uint32_t{feature_quiet_write}));

using Verb = Task<> (*)(File& file, const std::string& bytes);
const Verb verbs[] = {
    [](File& file, const std::string& bytes) -> Task<> { co_await file.write(bytes); },
    [](File& file, const std::string&) -> Task<> {
      co_await file.write("some");
      co_await file.flush();
    },
    [](File& file, const std::string&) -> Task<> {
      co_await file.write("some");
      co_await file.close();
    },
    [](File& file, const std::string& bytes) -> Task<> {
      Writer writer(file);
      writer.write(bytes);
      co_await writer.close();
    },
};

// A descriptor of each kind to write to, and the one at its other end.
struct Kind {
  const char* name;
  void (*make)(UniqueFd& in, UniqueFd& out);
};
const Kind kinds[] = {
    {"pipe",
     [](UniqueFd& in, UniqueFd& out) {
       Pipe pipe;
       in = std::move(pipe.in);
       out = std::move(pipe.out);
     }},
    {"pipe that does not wait",
     [](UniqueFd& in, UniqueFd& out) {
       Pipe pipe;
       in = std::move(pipe.in);
       out = std::move(pipe.out);
       ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
     }},
    {"socket",
     [](UniqueFd& in, UniqueFd& out) {
       int ends[2];
       ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
       in.reset(ends[0]);
       out.reset(ends[1]);
     }},
};

const std::string& much() {
  static const std::string bytes = test::pattern(500'000);
  return bytes;
}

TEST_P(BrokenPipe, IsAnErrorOfEachVerb) {
  for (const Kind& kind : kinds) {
    for (const Verb verb : verbs) {
      run([&]() -> Task<> {
        UniqueFd in, out;
        kind.make(in, out);
        out.reset();
        File file = File::adopt(in.release(), "wb");
        const auto result = co_await as_result(verb(file, much()));
        EXPECT_EQ(result.error(), std::errc::broken_pipe) << kind.name;
      });
    }
  }
}

// The reader goes while the writer waits for room: it is the kernel that goes on then.
TEST_P(BrokenPipe, IsAnErrorOfAWriteThatWaits) {
  for (const Kind& kind : kinds) {
    run([&]() -> Task<> {
      UniqueFd in, out;
      kind.make(in, out);
      File file = File::adopt(in.release(), "wb");
      auto writing = spawn(file.write(much()));
      for (int i = 0; i < 10; ++i) co_await yield();
      EXPECT_FALSE(writing.done()) << kind.name;
      out.reset();
      EXPECT_EQ((co_await as_result(writing)).error(), std::errc::broken_pipe) << kind.name;
    });
  }
}

TEST_P(BrokenPipe, DoesNotKeepTheBytesOfAReaderFromIt) {
  for (const Kind& kind : kinds) {
    run([&]() -> Task<> {
      UniqueFd in, out;
      kind.make(in, out);
      File file = File::adopt(in.release(), "wb");
      File reader = File::adopt(out.release(), "rb");
      auto reading = spawn(reader.read());
      EXPECT_EQ(co_await file.write(much()), much().size());
      co_await file.close();
      EXPECT_TRUE(co_await reading == much()) << kind.name;
    });
  }
}

TEST_P(BrokenPipe, IsAnErrorOfWriteBytesToAFifo) {
  test::Directory directory;
  const std::string path = directory.path("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  run([&]() -> Task<> {
    UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    auto writing = spawn(write_bytes(path, much()));
    for (int i = 0; i < 20; ++i) co_await yield();
    reader.reset();
    EXPECT_EQ((co_await as_result(writing)).error(), std::errc::broken_pipe);
  });
}

TEST_P(BrokenPipe, IsAnErrorOfStreams) {
  test::Directory directory;
  directory.write("a", "text");
  run([&]() -> Task<> {
    File file = co_await open(directory.path("a"));
    for (int verb = 0; verb < 5; ++verb) {
      Ends ends, source;
      co_await ends.b.close();
      const Bytes pieces[1] = {"x"};
      std::error_code error;
      if (verb == 0) error = (co_await as_result(ends.a.write_all("x"))).error();
      if (verb == 1) error = (co_await as_result(ends.a.write("x"))).error();
      if (verb == 2) error = (co_await as_result(ends.a.write_vectored(pieces))).error();
      if (verb == 3) error = (co_await as_result(ends.a.send_file(file))).error();
      if (verb == 4) {
        co_await source.a.write_all("x");
        error = (co_await as_result(relay(source.b, ends.a))).error();
      }
      EXPECT_EQ(error, std::errc::broken_pipe) << verb;
    }
  });
}

}  // namespace
