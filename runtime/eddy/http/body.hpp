// Body: what a request carries.
//
//   {.body = "bytes"}                                 application/octet-stream
//   {.body = http::text("grüße")}                     text/plain; charset=utf-8
//   {.body = http::json(value)}                       application/json (json.hpp)
//   {.body = http::form({{"name", "x"}, {"n", "1"}})}  application/x-www-form-urlencoded
//   {.body = http::multipart(parts)}                  multipart/form-data; files are streamed
//   {.body = http::file("video.mp4")}                 application/octet-stream, streamed
//   {.body = source}                                  a BodySource, streamed
//
// A "Content-Type" among the request's headers replaces the one that stands here. A view: what it
// shows is copied by the call that is given it, but for a BodySource. Files, no pipes or devices,
// are opened when they are first read, and read in pieces of 64 KiB, no faster than the server
// takes them. All but a BodySource without rewind() can be sent again, as a redirect with 307 or
// 308 asks for.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/task.hpp>
#include <eddy/http/fields.hpp>
#include <eddy/http/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace eddy::http {

// Bytes that somebody makes while they are sent: in the task that awaits the response, or reads it.
// It must stay until the response has been read, or dropped.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Some bytes, at least one; 0 at the end. What it throws ends the request, with Kind::body and
  // the text of that. Cancelled where an answer comes first: what it has not brought then, it
  // brings when it is asked again.
  virtual Task<std::size_t> read_some(MutableBytes into) = 0;
  // How many there are in all. None: sent in chunks, or as HTTP/2 has it.
  virtual std::optional<std::uint64_t> size() const { return std::nullopt; }
  // From the beginning, for a redirect. False: that cannot be.
  virtual bool rewind() { return false; }
};

// A part of a form with files (RFC 7578). With a path its value is that file's, and its filename
// the last part of the path where none is given.
struct Part {
  std::string_view name;
  std::string_view value = {};
  std::string_view path = {};
  std::string_view filename = {};
  std::string_view content_type = {};
};

// Trivially copyable.
class Body {
 public:
  enum class Form : std::uint8_t { none, bytes, fields, parts, file, source };

  Body() noexcept = default;
  template <class B>
    requires std::convertible_to<const B&, Bytes> && (!std::same_as<B, Body>)
  Body(const B& bytes) noexcept : Body(Form::bytes, Bytes(bytes), "application/octet-stream") {}
  template <std::size_t Size>
  Body(const char (&text)[Size]) noexcept
      : Body(Form::bytes, Bytes(text), "application/octet-stream") {}
  Body(const JsonText& json) noexcept
      : Body(Form::bytes, Bytes(json.text()), "application/json") {}
  Body(BodySource& source) noexcept
      : Body(Form::source, Bytes(), "application/octet-stream") { source_ = &source; }

  // The same as another type of content.
  Body as(std::string_view content_type) const noexcept {
    Body body = *this;
    body.content_type_ = content_type;
    return body;
  }

  Form form() const noexcept { return form_; }
  std::string_view content_type() const noexcept { return content_type_; }
  Bytes bytes() const noexcept { return bytes_; }                      // bytes, and a file's path
  const Fields& fields() const noexcept { return fields_; }            // fields
  std::span<const Part> parts() const noexcept { return parts_; }      // parts
  BodySource* source() const noexcept { return source_; }              // source

 private:
  friend Body text(std::string_view text) noexcept;
  friend Body form(const Fields& fields) noexcept;
  friend Body multipart(std::span<const Part> parts) noexcept;
  friend Body file(std::string_view path) noexcept;

  Body(Form form, Bytes bytes, std::string_view content_type) noexcept
      : form_(form), bytes_(bytes), content_type_(content_type) {}

  Form form_ = Form::none;
  Bytes bytes_;
  std::string_view content_type_;
  Fields fields_;
  std::span<const Part> parts_;
  BodySource* source_ = nullptr;
};

inline Body text(std::string_view text) noexcept {
  return Body(Body::Form::bytes, Bytes(text), "text/plain; charset=utf-8");
}
inline Body form(const Fields& fields) noexcept {
  Body body(Body::Form::fields, {}, "application/x-www-form-urlencoded");
  body.fields_ = fields;
  return body;
}
inline Body multipart(std::span<const Part> parts) noexcept {
  Body body(Body::Form::parts, {}, "multipart/form-data");
  body.parts_ = parts;
  return body;
}
inline Body file(std::string_view path) noexcept {
  return Body(Body::Form::file, Bytes(path), "application/octet-stream");
}

}  // namespace eddy::http
