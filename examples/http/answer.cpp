#include "answer.hpp"

#include <ostream>  // Beast, of 1.81, forgets it

#include <boost/beast/http/status.hpp>

#include <charconv>
#include <ctime>
#include <utility>

namespace http {
namespace {

void append_number(std::string& into, std::uint64_t number) {
  char digits[20];
  into.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// A date as HTTP writes it, made when it is another than the last one.
class Date {
 public:
  std::string_view text(std::time_t date) {
    if (date != made_for_) {
      text_.clear();
      append_date(text_, date);
      made_for_ = date;
    }
    return text_;
  }

 private:
  std::time_t made_for_ = -1;
  std::string text_;
};
thread_local Date now, last_modified;

void append_range(std::string& into, const Part& part, std::uint64_t size) {
  if (part.status == 200) return;
  into += "\r\nContent-Range: bytes ";
  if (part.status == 206) {
    append_number(into, part.first);
    append_number(into += '-', part.first + part.size - 1);
  } else {
    into += '*';
  }
  append_number(into += '/', size);
}

void append_file(std::string& into, const Answer& answer) {
  (into += "\r\nLast-Modified: ") += last_modified.text(answer.file->modified);
  append_etag(into += "\r\nETag: ", *answer.file);
  into += "\r\nAccept-Ranges: bytes";
  append_range(into, answer.part, answer.file->size);
}

constexpr std::pair<std::string_view, std::string_view> types[] = {
    {"html", "text/html; charset=utf-8"}, {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},   {"js", "text/javascript; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"}, {"md", "text/markdown; charset=utf-8"},
    {"json", "application/json"},         {"xml", "application/xml"},
    {"svg", "image/svg+xml"},             {"png", "image/png"},
    {"jpg", "image/jpeg"},                {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},                 {"webp", "image/webp"},
    {"ico", "image/x-icon"},              {"woff2", "font/woff2"},
    {"wasm", "application/wasm"},         {"pdf", "application/pdf"},
    {"zip", "application/zip"},           {"gz", "application/gzip"},
    {"mp4", "video/mp4"},                 {"mp3", "audio/mpeg"},
};

}  // namespace

std::string_view reason(int status) {
  const auto text = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

void append_head(std::string& into, const Answer& answer, std::uint64_t length) {
  into += "HTTP/1.1 ";
  append_number(into, static_cast<std::uint64_t>(answer.status));
  (into += ' ') += reason(answer.status);
  (into += "\r\nServer: eddy\r\nDate: ") += now.text(std::time(nullptr));
  if (answer.status != 304) {
    (into += "\r\nContent-Type: ") += answer.type;
    append_number(into += "\r\nContent-Length: ", length);
  }
  if (answer.file) append_file(into, answer);
  if (!answer.allow.empty()) (into += "\r\nAllow: ") += answer.allow;
  if (!answer.keep_alive) into += "\r\nConnection: close";
  if (answer.keep_alive && answer.version < 11) into += "\r\nConnection: keep-alive";
  into += "\r\n\r\n";
}

std::string_view content_type(std::string_view path) {
  const auto name = path.substr(path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  if (dot == name.npos) return "application/octet-stream";
  for (const auto& [extension, type] : types) {
    if (name.substr(dot + 1) == extension) return type;
  }
  return "application/octet-stream";
}

}  // namespace http
