// A server of HTTP outside of the loop: a thread with plain sockets, which no shortage of the
// loop's thread meets.
//
//   /gate      answered when the gate is open            anything else     "METHOD TARGET\nBODY"
//   /hold      the head at once, and "held" then         /body             the same, with `body`
#pragma once

#include <eddy/base/unique_fd.hpp>

#include <gtest/gtest.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace test {

class PlainServer {
 public:
  static constexpr std::string_view body = "{\"name\": \"eddy\", \"ok\": true}\n";

  PlainServer()
      : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        poked_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)},
                        .sin_zero = {}};
    socklen_t size = sizeof address;
    auto* const where = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), where, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 64), 0);
    EXPECT_EQ(::getsockname(listener_.get(), where, &size), 0);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  PlainServer(const PlainServer&) = delete;
  PlainServer& operator=(const PlainServer&) = delete;
  ~PlainServer() {
    ends_ = true;
    poke();
    thread_.join();
  }

  // What waits for it is answered before this returns; what comes later at once.
  void open_gate() {
    open_ = true;
    poke();
    const unsigned wanted = ++asked_;
    poke();
    for (unsigned done = done_; done != wanted; done = done_) done_.wait(done);
  }

  std::string url;
  std::atomic<int> requests = 0;

 private:
  struct Peer {
    eddy::UniqueFd fd;
    std::string came = {};
    std::string owed = {};  // when the gate opens
  };

  void poke() {
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(poked_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }

  void serve() {
    std::vector<Peer> peers;
    while (!ends_) {
      std::vector<pollfd> wanted{{listener_.get(), POLLIN, 0}, {poked_.get(), POLLIN, 0}};
      for (const Peer& peer : peers) wanted.push_back({peer.fd.get(), POLLIN, 0});
      ::poll(wanted.data(), wanted.size(), -1);
      std::uint64_t pokes = 0;
      static_cast<void>(!::read(poked_.get(), &pokes, sizeof pokes));
      const unsigned asked = asked_;
      for (int fd; (fd = ::accept4(listener_.get(), nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
        peers.push_back({eddy::UniqueFd(fd)});
      }
      std::erase_if(peers, [this](Peer& peer) { return !look_after(peer); });
      done_ = asked;
      done_.notify_all();
    }
  }

  // False when it has gone.
  bool look_after(Peer& peer) {
    std::array<char, 4096> piece;
    ssize_t count = 0;
    while ((count = ::recv(peer.fd.get(), piece.data(), piece.size(), 0)) > 0) {
      peer.came.append(piece.data(), static_cast<std::size_t>(count));
    }
    while (take_request(peer)) {
    }
    if (open_) say(peer, std::exchange(peer.owed, {}));
    return count < 0 && errno == EAGAIN;
  }

  bool take_request(Peer& peer) {
    const std::size_t end = peer.came.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = peer.came.substr(0, end + 4);
    std::string content;
    std::size_t size = 0;
    const std::size_t length = head.find("Content-Length: ");
    if (length != std::string::npos) {
      size = std::stoul(head.substr(length + 16));
      if (peer.came.size() < head.size() + size) return false;
      content = peer.came.substr(head.size(), size);
    } else if (head.find("chunked\r\n") != std::string::npos) {
      const std::size_t last = peer.came.find("0\r\n\r\n", head.size());
      if (last == std::string::npos) return false;
      size = last + 5 - head.size();
      std::size_t at = head.size();  // pieces of less than ten bytes
      while (peer.came[at] != '0') {
        const auto many = static_cast<std::size_t>(peer.came[at] - '0');
        content += peer.came.substr(at + 3, many);
        at += 5 + many;
      }
    }
    peer.came.erase(0, head.size() + size);
    answer(peer, head, content);
    ++requests;
    return true;
  }

  void answer(Peer& peer, const std::string& head, const std::string& content) {
    const std::size_t space = head.find(' ');
    const std::string method = head.substr(0, space);
    const std::string target = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    if (target.starts_with("/gate")) {
      peer.owed += whole("an answer\n", method);
    } else if (target == "/hold" || target == "/body") {
      const std::string_view text = target == "/hold" ? "held" : body;
      say(peer, head_of(text.size()));
      peer.owed += text;
    } else {
      say(peer, whole(method + " " + target + "\n" + content, method));
    }
  }

  static std::string head_of(std::size_t size) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  }
  static std::string whole(const std::string& text, const std::string& method) {
    return method == "HEAD" ? head_of(text.size()) : head_of(text.size()) + text;
  }
  static void say(const Peer& peer, std::string_view text) {
    static_cast<void>(!::send(peer.fd.get(), text.data(), text.size(), MSG_NOSIGNAL));
  }

  eddy::UniqueFd listener_, poked_;
  std::atomic<bool> open_ = false, ends_ = false;
  std::atomic<unsigned> asked_ = 0, done_ = 0;
  std::thread thread_;
};

}  // namespace test
