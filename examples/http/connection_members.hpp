// The members of Connection.
#pragma once

#include "connection.hpp"

#include <algorithm>
#include <cerrno>

namespace http {

using namespace eddy;

// Answers pile up while requests are there to be read: those that came together are answered with
// one write.
template <class Stream>
Task<> Connection<Stream>::run() {
  while (keep_alive_ && !broken_) {
    take();
    if (request_.state() == Request::State::complete) {
      co_await answer();
      request_.reset();
      deadline_.reset();
      if (out_.size() >= batch) co_await flush();
    } else if (request_.state() == Request::State::failed) {
      give_up(request_.status());
    } else {
      co_await receive();
    }
  }
  co_await flush();
  if (lingers_ && !broken_) co_await linger();
  if (!broken_) static_cast<void>(co_await as_result(stream_.close()));  // with TLS: a farewell
}

template <class Stream>
void Connection<Stream>::take() {
  const std::size_t taken = request_.parse(stream_.buffered().text());
  if (taken > 0) stream_.consume(taken);
}

// More of the request, which must be there as a whole when the deadline comes: a client that sends
// a byte now and then gains nothing.
template <class Stream>
Task<> Connection<Stream>::receive() {
  if (request_.expects_continue() && stream_.buffered().empty()) {
    out_ += "HTTP/1.1 100 Continue\r\n\r\n";
  }
  co_await flush();
  if (broken_) co_return;
  if (!deadline_) deadline_ = Loop::current().now() + site_.patience;
  const auto got = co_await as_result(timeout_at(deadline_, stream_.fill()));
  if (got && *got > 0) co_return;
  keep_alive_ = false;
  const bool begun = request_.state() != Request::State::head || !stream_.buffered().empty();
  if (begun && got) give_up(400);  // it ended in the middle
  if (begun && !got && got.error() == std::errc::timed_out) give_up(408);
}

template <class Stream>
Task<> Connection<Stream>::flush() {
  if (out_.empty()) co_return;
  const auto sent = co_await as_result(timeout(site_.patience, stream_.write_all(out_)));
  out_.clear();
  broken_ = !sent;
}

// Closed with something unread, the connection would be reset, and the client might never see the
// answer.
template <class Stream>
Task<> Connection<Stream>::linger() {
  stream_.shutdown_write();
  stream_.consume(stream_.buffered().size());
  const Instant deadline = Loop::current().now() + site_.patience;
  for (std::size_t rest = 4 * 1024 * 1024; rest > 0;) {
    const auto got = co_await as_result(timeout_at(deadline, stream_.fill()));
    if (!got || *got == 0) break;
    stream_.consume(*got);
    rest -= std::min(rest, *got);
  }
}

// -- routes --

template <class Stream>
Task<> Connection<Stream>::answer() {
  keep_alive_ = request_.keep_alive() && !site_.stopping;
  lingers_ = !keep_alive_;
  const Target target = split(request_.target());
  if (target.path == "/api/hello") {
    answer_hello(target.query);
  } else if (target.path == "/api/length") {
    answer_length();
  } else {
    co_await answer_file(target.path);
  }
}

template <class Stream>
void Connection<Stream>::answer_hello(std::string_view query) {
  if (!allows_get()) return;
  std::string name;
  std::string json = "{\"hello\":";
  if (!decode_query(query, "name", name) || !append_json(name, json)) return refuse(400);
  answer_with(200, "application/json", json += "}");
}

template <class Stream>
void Connection<Stream>::answer_length() {
  if (!is(verb::post)) return refuse(405, "POST");
  answer_with(200, "application/json",
              "{\"length\":" + std::to_string(request_.body().size()) + "}");
}

inline int status_of(int error) {
  switch (error) {
    case ENOENT: case ENOTDIR: case ENAMETOOLONG: return 404;
    case EACCES: case EPERM: case EXDEV: case ELOOP: case ENXIO: return 403;
    case EMFILE: case ENFILE: case ENOMEM: return 503;
    default: return 500;
  }
}

template <class Stream>
Task<> Connection<Stream>::answer_file(std::string_view path) {
  if (!allows_get()) co_return;
  if (!decode_path(path, text_)) co_return refuse(400);
  if (text_.empty() || text_.ends_with('/')) text_ += "index.html";
  Found found = co_await site_.root.open(text_);
  if (found.error != 0) co_return refuse(status_of(found.error));
  Answer answer = head(200, content_type(text_));
  answer.file = &found.version;
  answer.part.size = found.version.size;
  const std::size_t before = out_.size();
  if (is_known(request_.conditions(), found.version)) {
    answer.status = 304;
    co_return append_head(out_, answer, 0);
  }
  if (!is_head()) answer.part = part_of(request_.conditions(), found.version, std::time(nullptr));
  const Part part = answer.part;
  if (part.status == 416) co_return refuse_part(found.version, part);
  answer.status = part.status;
  append_head(out_, answer, part.size);
  if (is_head()) co_return;
  if (part.size <= small) {
    co_await append_content(found, part, before);
  } else {
    co_await send_content(found, part);
  }
}

template <class Stream>
Task<> Connection<Stream>::append_content(Found& found, Part part, std::size_t head) {
  const std::size_t begin = out_.size();
  out_.resize(begin + part.size);
  const MutableBytes room(out_.data() + begin, part.size);
  const auto got = co_await as_result(found.file.read_at(room, part.first));
  if (got && *got == part.size) co_return;
  out_.resize(head);
  refuse(500);
}

// In portions, so that a client that takes nothing is found out, and one that is slow is not.
template <class Stream>
Task<> Connection<Stream>::send_content(Found& found, Part part) {
  co_await flush();
  for (std::uint64_t sent = 0; sent < part.size && !broken_;) {
    const std::uint64_t wanted = std::min(portion, part.size - sent);
    const auto took = co_await as_result(
        timeout(site_.patience, stream_.send_file(found.file, part.first + sent, wanted)));
    broken_ = !took || *took != wanted;  // cut short, it has become shorter
    sent += wanted;
  }
}

// -- answers --

template <class Stream>
bool Connection<Stream>::allows_get() {
  if (is(verb::get) || is_head()) return true;
  refuse(405, "GET, HEAD");
  return false;
}

template <class Stream>
Answer Connection<Stream>::head(int status, std::string_view type) const {
  return {.status = status, .type = type, .version = request_.version(), .keep_alive = keep_alive_};
}

template <class Stream>
void Connection<Stream>::answer_with(int status, std::string_view type, std::string_view content,
                             std::string_view allow) {
  Answer answer = head(status, type);
  answer.allow = allow;
  append_head(out_, answer, content.size());
  if (!is_head()) out_ += content;
}

template <class Stream>
void Connection<Stream>::refuse(int status, std::string_view allow) {
  text_.assign(reason(status)) += '\n';
  answer_with(status, "text/plain; charset=utf-8", text_, allow);
}

template <class Stream>
void Connection<Stream>::refuse_part(const Validators& file, Part part) {
  text_.assign(reason(416)) += '\n';
  Answer answer = head(416, "text/plain; charset=utf-8");
  answer.file = &file;
  answer.part = part;
  append_head(out_, answer, text_.size());
  out_ += text_;
}

template <class Stream>
void Connection<Stream>::give_up(int status) {
  keep_alive_ = false;
  lingers_ = true;
  refuse(status);
}

}  // namespace http
