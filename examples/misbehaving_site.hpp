// MisbehavingSite: a web site of HTTP/1.0 whose pages link to each other, and on which much goes
// wrong: always the same, whoever asks in which order.
//
//   /            links to the first page of each section, and to /dead/0
//   /sK/N        20 in a section; asked for the first time, N = 3 answers 500, 8 goes silent in the
//                middle of its answer, 13 resets the connection there. Afterwards they are well.
//   /sK/gone     404
//   /dead/N      503 for ever
#pragma once

#include <eddy/eddy.hpp>

#include <set>
#include <string>
#include <string_view>
#include <sys/socket.h>

class MisbehavingSite {
 public:
  static constexpr int pages = 20;  // in each section
  explicit MisbehavingSite(int sections) : sections_(sections) {}

  // Answers one request. What comes of it is the client's business.
  eddy::Task<> converse(eddy::Stream stream) {
    const auto request = co_await eddy::as_result(stream.read_until("\r\n\r\n", 8192));
    if (!request) co_return;
    const std::string path = path_of(*request);
    const Mood mood = mood_for(path);
    std::string answer = answer_for(path, mood);
    if (mood == Mood::silent || mood == Mood::resets) answer.resize(answer.size() / 2);
    const auto sent = co_await eddy::as_result(stream.write_all(answer));
    if (!sent) co_return;
    if (mood == Mood::silent) static_cast<void>(co_await eddy::as_result(stream.read_all()));
    if (mood == Mood::resets) {  // what closing does without a linger
      stream.socket().set_option(SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    }
  }

 private:
  enum class Mood { well, fails, silent, resets, broken };

  // "GET /path HTTP/1.0": what stands between the blanks.
  static std::string path_of(std::string_view request) {
    const auto begin = request.find(' ');
    if (begin == request.npos) return {};
    const auto end = request.find_first_of(" \r", begin + 1);
    return std::string(request.substr(begin + 1, end - begin - 1));
  }
  Mood mood_for(const std::string& path) {
    if (path.starts_with("/dead/")) return Mood::broken;
    if (!seen_.insert(path).second) return Mood::well;
    if (path.ends_with("/3")) return Mood::fails;
    if (path.ends_with("/8")) return Mood::silent;
    if (path.ends_with("/13")) return Mood::resets;
    return Mood::well;
  }

  std::string answer_for(std::string_view path, Mood mood) const {
    if (mood == Mood::fails) return head(500, 0);
    if (mood == Mood::broken) return head(503, 0);
    std::string body = "<title>" + std::string(path) + "</title>\n";
    if (path == "/") {
      for (int i = 0; i < sections_; ++i) body += link("/s" + std::to_string(i) + "/0");
      body += link("/dead/0");
    } else if (!add_links(path, body)) {
      return head(404, 0);
    }
    return head(200, body.size()) + body;
  }
  // A tree, with a way back from each page, and links to what is gone or dead. False: no such page.
  bool add_links(std::string_view path, std::string& body) const {
    const auto slash = path.rfind('/');
    const std::string section(path.substr(0, slash + 1));
    for (int n = 0; n < pages; ++n) {
      if (path.substr(slash + 1) != std::to_string(n)) continue;
      for (const int next : {2 * n + 1, 2 * n + 2, n / 2}) {
        if (next < pages) body += link(section + std::to_string(next));
      }
      body += link("/");
      if (n == 7) body += link(section + "gone");
      if (n % 5 == 4) body += link("/dead/" + std::to_string(n));
      return is_section(section);
    }
    return false;
  }
  bool is_section(std::string_view section) const {
    for (int i = 0; i < sections_; ++i) {
      if (section == "/s" + std::to_string(i) + "/") return true;
    }
    return false;
  }

  static std::string link(const std::string& path) {
    return "<a href=\"" + path + "\">" + path + "</a>\n";
  }
  static std::string head(int status, std::size_t length) {
    return "HTTP/1.0 " + std::to_string(status) + " \r\nContent-Length: " + std::to_string(length) +
           "\r\n\r\n";
  }

  int sections_;
  std::set<std::string> seen_;
};
