// A server of lines, and what became of its connections: for tests with peers of every kind.
#pragma once

#include "support/run.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <optional>

namespace test {

// Answers each line with itself. With a time limit, a peer that keeps it waiting for so long is
// sent away.
class LineServer {
 public:
  static constexpr std::size_t line_limit = 1024;

  explicit LineServer(eddy::Duration limit = {}, eddy::ServeOptions options = {})
      : limit_(limit), listener_(eddy::listen(eddy::Address::loopback(0))) {
    address = listener_.local();
    handle_ = [this](eddy::Stream stream) { return handle(std::move(stream)); };
    serving.emplace(eddy::spawn(eddy::serve(listener_, handle_, options)));
  }

  // Until so many connections came, or are over.
  eddy::Task<> until_begun(int count) { return until(begun, count); }
  eddy::Task<> until_over(int count) { return until(over, count); }

  eddy::Task<> stop() {
    serving->cancel();
    co_await wait_until_done(*serving);
    EXPECT_TRUE(serving->cancelled());
    EXPECT_EQ(begun, over);
  }

  eddy::Address address;
  std::optional<eddy::JoinHandle<>> serving;
  int begun = 0, over = 0, ended = 0, too_long = 0, timed_out = 0, broken = 0, cancelled = 0;

 private:
  eddy::Task<> until(const int& number, int count) {
    while (number < count) {
      changed_.clear();
      co_await changed_.wait();
    }
  }

  eddy::Task<> handle(eddy::Stream stream) {
    ++begun;
    changed_.set();
    auto outcome = co_await eddy::as_outcome(echo(stream));
    ++over;
    ++how(outcome);
    changed_.set();
    if (!outcome && outcome.error().is_cancelled()) co_await eddy::fail(std::move(outcome.error()));
  }

  int& how(const eddy::Expected<void>& outcome) {
    if (outcome) return ended;
    if (outcome.error().is_cancelled()) return cancelled;
    const int code = outcome.error().error_code().value();
    return code == EMSGSIZE ? too_long : code == ETIMEDOUT ? timed_out : broken;
  }

  eddy::Task<> echo(eddy::Stream& stream) {
    for (;;) {
      std::string line;
      if (limit_ > eddy::Duration::zero()) {
        line = co_await eddy::timeout(limit_, stream.readline(line_limit));
      } else {
        line = co_await stream.readline(line_limit);
      }
      if (line.empty()) break;
      if (limit_ > eddy::Duration::zero()) {
        co_await eddy::timeout(limit_, stream.write_all(line));
      } else {
        co_await stream.write_all(line);
      }
    }
  }

  eddy::Duration limit_;
  eddy::Listener listener_;
  std::function<eddy::Task<>(eddy::Stream)> handle_;
  eddy::Event changed_;
};

// It still serves whoever behaves.
inline eddy::Task<> expect_service(LineServer& server) {
  eddy::Stream stream = co_await eddy::connect(server.address);
  co_await stream.write_all("still there?\n");
  EXPECT_EQ(co_await stream.readline(), "still there?\n");
}

// Its end is a reset (RST), whatever is on its way.
inline void reset_at_close(eddy::Socket& socket) {
  socket.set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
}

// Few descriptors for as long as it lives.
class FewDescriptors {
 public:
  // So many more than there are.
  explicit FewDescriptors(unsigned more) {
    ::getrlimit(RLIMIT_NOFILE, &old_);
    const int next = ::dup(0);
    ::close(next);
    const rlimit few{static_cast<rlim_t>(next) + more, old_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &old_); }

 private:
  rlimit old_{};
};

// As many as the system allows this process; how many those are.
inline std::size_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1 << 20);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace test
