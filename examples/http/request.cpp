#include "request.hpp"

#include <boost/beast/core/string.hpp>

#include <limits>

namespace http {

using boost::beast::iequals;

void Request::reset() {
  parser_.emplace(*this);
  parser_->header_limit(std::numeric_limits<std::uint32_t>::max());  // we keep the limits
  parser_->body_limit(boost::none);
  state_ = State::head;
  status_ = 0;
  method_ = verb::unknown;
  version_ = 0;
  hosts_ = 0;
  transfer_coding_ = expects_continue_ = body_began_ = false;
  searched_ = 0;
  target_.clear();
  conditions_.clear();
  body_.clear();
}

std::size_t Request::parse(std::string_view input) {
  std::size_t taken = 0;
  while (taken < input.size() && (state_ == State::head || state_ == State::body)) {
    const std::string_view rest = input.substr(taken);
    const std::size_t step = state_ == State::head ? parse_head(rest) : parse_body(rest);
    if (step == 0) break;
    taken += step;
  }
  return taken;
}

std::size_t Request::fail(int status) {
  state_ = State::failed;
  if (status_ == 0) status_ = status;
  return 0;
}

std::size_t Request::put(std::string_view input, Error& error) {
  return parser_->put(boost::asio::const_buffer(input.data(), input.size()), error);
}

// Beast gets the head as a whole: its own limit counts what one call is given, and a head that is
// given in pieces is not looked at again before its end. What is no request is refused by its first
// byte, so that nobody waits for the end of something that has none.
std::size_t Request::parse_head(std::string_view input) {
  if (input.starts_with("\r\n")) return 2;  // RFC 9112, 2.2: an empty line before is forgiven
  if (input == "\r") return 0;
  if (input.front() < '!' || input.front() > '~') return fail(400);
  const std::size_t end = input.find("\r\n\r\n", searched_);
  if (end == input.npos || end + 4 > limits_.head) {
    searched_ = input.size() < 3 ? 0 : input.size() - 3;
    return input.size() < limits_.head ? 0 : fail(431);
  }
  Error error;
  const std::size_t taken = put(input.substr(0, end + 4), error);
  if (error || !parser_->is_header_done()) return fail(400);
  state_ = parser_->is_done() ? State::complete : State::body;
  return taken;
}

// Between two chunks Beast is never given fewer bytes than the shortest end, "0\r\n\r\n": given
// that end in pieces, it asserts that it has at least five of them.
std::size_t Request::parse_body(std::string_view input) {
  body_began_ = true;
  if (parser_->chunked() && !parser_->in_chunk() && input.size() < 5) return 0;
  const std::string_view piece = input.substr(0, limits_.head);
  Error error;
  const std::size_t taken = put(piece, error);
  if (error == boost::beast::http::error::need_more) {
    return piece.size() < limits_.head ? 0 : fail(431);  // extensions, or a trailer, without end
  }
  if (error) return fail(400);
  if (parser_->is_done()) state_ = State::complete;
  return taken;
}

void Request::refuse(int status, Error& error) {
  status_ = status;
  error = boost::beast::http::error::bad_value;
}

std::string* Request::condition(Field name) {
  switch (name) {
    case Field::if_none_match: return &conditions_.none_match;
    case Field::if_modified_since: return &conditions_.modified_since;
    case Field::range: return &conditions_.range;
    case Field::if_range: return &conditions_.if_range;
    default: return nullptr;
  }
}

void Request::Parser::on_request_impl(verb method, Text, Text target, int version, Error&) {
  request_.method_ = method;
  request_.target_.assign(target.data(), target.size());
  request_.version_ = version;
}

void Request::Parser::on_field_impl(Field name, Text, Text value, Error& error) {
  if (request_.state_ != State::head) return;  // of a trailer
  if (name == Field::host) ++request_.hosts_;
  if (name == Field::transfer_encoding) {
    request_.transfer_coding_ = true;
    if (!iequals(value, "chunked")) request_.refuse(501, error);
  }
  if (name == Field::expect) {
    request_.expects_continue_ = true;
    if (!iequals(value, "100-continue")) request_.refuse(417, error);
  }
  if (std::string* const text = request_.condition(name)) {
    if (!text->empty()) *text += ", ";  // a list goes on; any other is none that says something
    text->append(value.data(), value.size());
  }
}

void Request::Parser::on_header_impl(Error& error) {
  const bool one_host = request_.hosts_ == 1 || (request_.hosts_ == 0 && request_.version_ < 11);
  if (!one_host) return request_.refuse(400, error);
  // Who stands between may not know of it, and see another end of the request.
  if (request_.transfer_coding_ && request_.version_ < 11) return request_.refuse(400, error);
  if (content_length().value_or(0) > request_.limits_.body) return request_.refuse(413, error);
}

std::size_t Request::Parser::on_body_impl(Text piece, Error&) {
  request_.body_.append(piece.data(), piece.size());
  return piece.size();
}

void Request::Parser::on_chunk_header_impl(std::uint64_t size, Text, Error& error) {
  if (size > request_.limits_.body - request_.body_.size()) return request_.refuse(413, error);
  chunk_left_ = size;
}

std::size_t Request::Parser::on_chunk_body_impl(std::uint64_t left, Text piece, Error&) {
  request_.body_.append(piece.data(), piece.size());
  chunk_left_ = left - piece.size();
  return piece.size();
}

}  // namespace http
