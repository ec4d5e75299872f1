// Request: one HTTP/1.x request, parsed by Boost.Beast as its bytes come in. Does no I/O.
//
// Its memory serves the next request too: after warm-up nothing is allocated. However the bytes are
// split, the result is the same.
#pragma once

#include "validators.hpp"

#include <ostream>  // Beast, of 1.81, forgets it

#include <boost/beast/http/basic_parser.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace http {

using boost::beast::http::verb;

struct Limits {
  std::size_t head = 8 * 1024;
  std::size_t body = 64 * 1024;
};

class Request {
 public:
  enum class State { head, body, complete, failed };

  explicit Request(Limits limits = {}) : limits_(limits) { reset(); }

  // Takes the first bytes of `input`; how many. The others come again, with more behind them.
  std::size_t parse(std::string_view input);
  // For the next request.
  void reset();

  State state() const noexcept { return state_; }
  // Failed: the status to answer.
  int status() const noexcept { return status_; }

  // From the body on:
  verb method() const noexcept { return method_; }
  const std::string& target() const noexcept { return target_; }
  int version() const noexcept { return version_; }  // 10 or 11
  bool keep_alive() const { return parser_->keep_alive(); }
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue() const noexcept {
    return state_ == State::body && expects_continue_ && version_ >= 11 && !body_began_;
  }
  const Conditions& conditions() const noexcept { return conditions_; }
  // Chunks are joined.
  const std::string& body() const noexcept { return body_; }

 private:
  using Error = boost::beast::error_code;
  using Field = boost::beast::http::field;
  using Text = boost::beast::string_view;

  // What Beast finds, told to the request.
  class Parser final : public boost::beast::http::basic_parser<true> {
   public:
    explicit Parser(Request& request) : request_(request) {}

    bool in_chunk() const noexcept { return chunk_left_ > 0; }

   private:
    void on_request_impl(verb method, Text, Text target, int version, Error&) override;
    void on_response_impl(int, Text, int, Error&) override {}
    void on_field_impl(Field name, Text, Text value, Error& error) override;
    void on_header_impl(Error& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(Text piece, Error&) override;
    void on_chunk_header_impl(std::uint64_t size, Text, Error& error) override;
    std::size_t on_chunk_body_impl(std::uint64_t left, Text piece, Error&) override;
    void on_finish_impl(Error&) override {}

    Request& request_;
    std::uint64_t chunk_left_ = 0;
  };

  std::size_t parse_head(std::string_view input);
  std::size_t parse_body(std::string_view input);
  std::size_t put(std::string_view input, Error& error);
  std::size_t fail(int status);
  std::string* condition(Field name);
  void refuse(int status, Error& error);

  Limits limits_;
  std::optional<Parser> parser_;
  State state_ = State::head;
  int status_ = 0;
  verb method_ = verb::unknown;
  int version_ = 0;
  unsigned hosts_ = 0;
  bool transfer_coding_ = false;
  bool expects_continue_ = false;
  bool body_began_ = false;
  std::size_t searched_ = 0;  // of the head, for its end
  std::string target_;
  Conditions conditions_;
  std::string body_;
};

}  // namespace http
