// A server of HTTP/1.1 in the test's own loop, which does what no real one would: it stalls, stops
// in the middle, lies, and counts its connections.
//
//   test::OddServer server;
//   server.on("/stall", &test::stall_at_byte_one);
//   co_await client.get(server.url + "/stall");
//   co_await server.stop();
//
// A path that nobody has told it of is answered with what came: "METHOD TARGET\nBODY".
#pragma once

#include "support/run.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace test {

// One request, and the connection that it came by.
class Exchange {
 public:
  explicit Exchange(eddy::Stream stream) : stream(std::move(stream)) {}

  // The next request, but for its body; false when the peer has gone.
  eddy::Task<bool> next() {
    head.clear();
    body.clear();
    auto read = co_await eddy::as_outcome(stream.read_until("\r\n\r\n"));
    if (!read) {
      if (read.error().is_cancelled()) co_await eddy::fail(std::move(read.error()));
      co_return false;
    }
    head = std::move(*read);
    const auto space = head.find(' ');
    method = head.substr(0, space);
    target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    co_return true;
  }
  eddy::Task<> read_body() {
    if (header("Transfer-Encoding") == "chunked") {
      for (std::size_t size = 1; size > 0;) {
        const std::string line = co_await stream.read_until("\r\n");
        size = std::stoul(line, nullptr, 16);
        std::string piece(size + 2, '\0');
        co_await stream.read_exactly(eddy::MutableBytes(piece.data(), piece.size()));
        body += piece.substr(0, size);
      }
    } else if (const std::string length = header("Content-Length"); !length.empty()) {
      body.resize(std::stoul(length));
      co_await stream.read_exactly(eddy::MutableBytes(body.data(), body.size()));
    }
  }
  // What stands behind a header's name; empty when it is not there.
  std::string header(std::string_view name) const {
    const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
    const std::string wanted = "\n" + std::string(name) + ":";
    const auto found = std::search(head.begin(), head.end(), wanted.begin(), wanted.end(), same);
    if (found == head.end()) return {};
    const auto begin = std::find_if(found + static_cast<std::ptrdiff_t>(wanted.size()), head.end(),
                                    [](char letter) { return letter != ' '; });
    return {begin, std::find(begin, head.end(), '\r')};
  }

  eddy::Task<> say(std::string text) { co_await stream.write_all(text); }
  eddy::Task<> answer(std::string text, std::string status = "200 OK", std::string more = "") {
    co_await say("HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(text.size()) +
                 "\r\n" + more + "\r\n" + text);
  }
  // Until the peer closes, whatever it sends.
  eddy::Task<> until_gone() {
    for (std::size_t count = 1; count > 0;) {
      auto read = co_await eddy::as_outcome(stream.read_some(scratch_));
      if (!read && read.error().is_cancelled()) co_await eddy::fail(std::move(read.error()));
      count = read ? *read : 0;
    }
  }
  // The connection ends with a reset.
  void reset() {
    stream.socket().set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    ends = true;
  }

  eddy::Stream stream;
  std::string head, method, target, body;
  bool ends = false;  // the connection, after this answer

 private:
  std::array<char, 4096> scratch_;
};

class OddServer {
 public:
  using Script = std::function<eddy::Task<>(Exchange&)>;

  OddServer() : listener_(eddy::listen(eddy::Address::loopback(0))) {
    port = listener_.local().port();
    url = "http://127.0.0.1:" + std::to_string(port);
    handle_ = [this](eddy::Stream stream) { return handle(std::move(stream)); };
    serving_.emplace(eddy::spawn(eddy::serve(listener_, handle_)));
  }

  // What to do with the target that begins so; the longest counts. It need not read the body.
  void on(std::string target, Script script) { scripts_[std::move(target)] = std::move(script); }

  eddy::Task<> stop() {
    serving_->cancel();
    co_await wait_until_done(*serving_);
  }
  // Nobody is connected, or only so many are.
  eddy::Task<> until_open(int count) {
    while (open > count) {
      changed_.clear();
      co_await changed_.wait();
    }
  }
  eddy::Task<> until_requests(int count) {
    while (requests < count) {
      changed_.clear();
      co_await changed_.wait();
    }
  }

  std::uint16_t port = 0;
  std::string url;
  int connections = 0, open = 0, most_open = 0;
  int requests = 0;
  std::vector<std::string> heads;  // of the requests, in order

 private:
  eddy::Task<> handle(eddy::Stream stream) {
    ++connections;
    most_open = std::max(most_open, ++open);
    auto outcome = co_await eddy::as_outcome(converse(std::move(stream)));
    --open;
    changed_.set();
    if (!outcome && outcome.error().is_cancelled()) co_await eddy::fail(std::move(outcome.error()));
  }
  eddy::Task<> converse(eddy::Stream stream) {
    Exchange exchange(std::move(stream));
    while (!exchange.ends) {
      const bool came = co_await exchange.next();
      if (!came) break;
      ++requests;
      heads.push_back(exchange.head);
      changed_.set();
      const Script* script = script_for(exchange.target);
      if (script) {
        co_await (*script)(exchange);
      } else {
        co_await exchange.read_body();
        co_await exchange.answer(exchange.method + " " + exchange.target + "\n" + exchange.body);
      }
    }
  }
  const Script* script_for(const std::string& target) const {
    const Script* found = nullptr;
    for (const auto& [begin, script] : scripts_) {  // in order: a longer one is behind a shorter
      if (target.starts_with(begin)) found = &script;
    }
    return found;
  }

  eddy::Listener listener_;
  std::function<eddy::Task<>(eddy::Stream)> handle_;
  std::map<std::string, Script> scripts_;
  std::optional<eddy::JoinHandle<>> serving_;
  eddy::Event changed_;
};

// -- what it does --

// The answer never begins.
inline eddy::Task<> never_answer(Exchange& it) { co_await it.until_gone(); }
// The head, and one byte of the body.
inline eddy::Task<> stall_at_byte_one(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n1");
  co_await it.until_gone();
}
inline eddy::Task<> stall_in_the_head(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nContent-Le");
  co_await it.until_gone();
}
// Less than it promised, and the end.
inline eddy::Task<> close_in_the_middle(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(500, 'h'));
  it.ends = true;
}
inline eddy::Task<> reset_in_the_middle(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(500, 'h'));
  it.reset();
}
inline eddy::Task<> close_at_once(Exchange& it) {
  it.ends = true;
  co_return;
}
inline eddy::Task<> speak_garbage(Exchange& it) {
  co_await it.say("What do you want?\r\n\r\n");
  it.ends = true;
}
inline eddy::Task<> send_broken_chunks(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n");
  it.ends = true;
}
inline eddy::Task<> send_chunks(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  co_await it.say("6\r\nline 1\r\n");
  co_await eddy::yield();
  co_await it.say("8\r\n\nline 2\n\r\n6\r\nli");
  co_await eddy::yield();
  co_await it.say("ne 3\r\n");
  co_await it.say("0\r\n\r\n");
}
// One byte a turn.
inline eddy::Task<> answer_slowly(Exchange& it) {
  const std::string all = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Slow: yes\r\n\r\nhello";
  for (const char letter : all) {
    co_await it.say(std::string(1, letter));
    co_await eddy::yield();
  }
}
inline eddy::Task<> send_to_itself(Exchange& it) {
  const std::string place = "Location: " + it.target + "\r\n";
  co_await it.answer("", "302 Found", place);
}
// "/count/3" leads to "/count/2", and that one on to "/count/0", which is there.
inline eddy::Task<> count_down(Exchange& it) {
  const int number = std::stoi(it.target.substr(it.target.rfind('/') + 1));
  if (number == 0) {
    co_await it.answer("there");
    co_return;
  }
  const std::string place = "Location: /count/" + std::to_string(number - 1) + "\r\n";
  co_await it.answer("", "302 Found", place);
}
// Reads the body after it has said that it wants it.
inline eddy::Task<> expect_continue(Exchange& it) {
  const bool asked = it.header("Expect") == "100-continue";
  if (asked) co_await it.say("HTTP/1.1 100 Continue\r\n\r\n");
  co_await it.read_body();
  co_await it.answer((asked ? "asked " : "at once ") + std::to_string(it.body.size()));
}
// It has enough, and says so before the body is through.
inline eddy::Task<> refuse_the_body(Exchange& it) {
  co_await it.answer("too much", "413 Content Too Large");
  co_await it.until_gone();
  it.ends = true;
}
// A body without a length ends with the connection.
inline eddy::Task<> end_with_the_connection(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\n\r\nall of it");
  it.ends = true;
}
// The same in HTTP/1.0.
inline eddy::Task<> answer_as_in_1996(Exchange& it) {
  co_await it.say("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold");
  it.ends = true;
}
// So much of a body as the peer takes, without an end.
inline eddy::Task<> flood(Exchange& it) {
  co_await it.say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
  const std::string piece(65536, 'f');
  for (;;) co_await it.say(piece);
}

// -- a proxy, for what begins with a host, as CONNECT has it --

inline eddy::Task<> relay_and_end(eddy::Stream& from, eddy::Stream& to) {
  auto outcome = co_await eddy::as_outcome(eddy::relay(from, to));
  if (!outcome && outcome.error().is_cancelled()) co_await eddy::fail(std::move(outcome.error()));
  try {
    to.shutdown_write();
  } catch (const eddy::Error&) {
    // It has gone already.
  }
}
inline eddy::Task<> tunnel(Exchange& it) {
  const int port = std::stoi(it.target.substr(it.target.rfind(':') + 1));
  auto there = co_await eddy::connect(eddy::Address::loopback(static_cast<std::uint16_t>(port)));
  co_await it.say("HTTP/1.1 200 Connection established\r\n\r\n");
  eddy::JoinHandle<> back = eddy::spawn(relay_and_end(there, it.stream));
  auto outcome = co_await eddy::as_outcome(relay_and_end(it.stream, there));
  if (!outcome) back.cancel();
  co_await wait_until_done(back);
  it.ends = true;
  if (!outcome) co_await eddy::fail(std::move(outcome.error()));
}
inline eddy::Task<> refuse_the_tunnel(Exchange& it) {
  co_await it.answer("who are you?", "407 Proxy Authentication Required",
                     "Proxy-Authenticate: Basic realm=\"here\"\r\nConnection: close\r\n");
  it.ends = true;
}

}  // namespace test
