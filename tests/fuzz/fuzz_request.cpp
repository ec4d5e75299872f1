// However the bytes of requests are split, the server sees the same requests; and no path of theirs
// leads out of the root.
#include "fuzz.hpp"

#include "http/request.hpp"
#include "http/target.hpp"

#include <algorithm>
#include <cstring>

namespace {

// Small, so that the fuzzer reaches the limits.
constexpr http::Limits limits{.head = 256, .body = 300};

class Reader {
 public:
  void add(std::string_view piece) {
    unread_ += piece;
    for (;;) {
      const std::size_t taken = request_.parse(unread_);
      fuzz::require(taken <= unread_.size(), "no more is taken than there is");
      unread_.erase(0, taken);
      if (request_.state() != http::Request::State::complete) break;
      note();
      request_.reset();
    }
  }

  // All that was understood, as text.
  std::string result() const {
    const auto state = request_.state();
    if (state == http::Request::State::failed) {
      return log_ + "failed " + std::to_string(request_.status());
    }
    if (state == http::Request::State::body) return log_ + "the body of " + request_.target();
    return log_ + "more";
  }

 private:
  void note() {
    fuzz::require(request_.body().size() <= limits.body, "the limit of the body is kept");
    fuzz::require(request_.target().size() <= limits.head, "the limit of the head is kept");
    log_ += std::to_string(static_cast<int>(request_.method())) + ' ' + request_.target() + ' ' +
            std::to_string(request_.version()) + (request_.keep_alive() ? " stays " : " ends ") +
            request_.body() + '\n';
  }

  http::Request request_{limits};
  std::string unread_;
  std::string log_;
};

void check_target(std::string_view text) {
  const http::Target target = http::split(text);
  std::string path;
  if (http::decode_path(target.path, path)) {
    const std::string inside = '/' + path + '/';
    fuzz::require(inside.find("/../") == inside.npos, "no part of a path is ..");
    fuzz::require(path.empty() || path.front() != '/', "no path is absolute");
    fuzz::require(std::strlen(path.c_str()) == path.size(), "no path has a zero byte");
  }
  std::string value;
  std::string json;
  if (http::decode_query(target.query, "name", value) && http::append_json(value, json)) {
    fuzz::require(std::ranges::none_of(json, [](char c) { return c >= 0 && c < ' '; }),
                  "nothing in JSON is a control character");
  }
}

}  // namespace

void fuzz::request_split(std::string_view text, std::size_t at) {
  Reader whole, split;
  whole.add(text);
  split.add(text.substr(0, at));
  split.add(text.substr(at));
  if (whole.result() != split.result()) {
    std::fprintf(stderr, "whole: %s\nsplit at %zu: %s\n", whole.result().c_str(), at,
                 split.result().c_str());
  }
  require(whole.result() == split.result(), "the same requests, however they are split");
}

void fuzz::request(std::string_view input) {
  check_target(input);
  if (input.size() < 2) return;
  const auto byte = [&](int i) { return static_cast<unsigned char>(input[i]); };
  const std::size_t at = byte(0) * std::size_t{256} + byte(1);
  input.remove_prefix(2);
  request_split(input, at % (input.size() + 1));
}

FUZZ(fuzz::request)
