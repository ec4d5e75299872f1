#include <eddy/http/internal/outgoing.hpp>

#include <eddy/base/error.hpp>
#include <eddy/http/headers.hpp>
#include <eddy/http/internal/characters.hpp>

#include <algorithm>
#include <charconv>
#include <random>
#include <string>

namespace eddy::http::internal {
namespace {

bool is_token(std::string_view text) noexcept {
  return !text.empty() && all_are(text, Sort::token);
}

void append_hex(std::string& to, char c) {
  constexpr char digits[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  to += '%';
  to += digits[byte >> 4];
  to += digits[byte & 15];
}

// A part of a URL, so that its bytes mean nothing but themselves.
void append_encoded(std::string& to, std::string_view bytes, bool in_form) {
  constexpr std::string_view plain = "-._~";
  for (const char c : bytes) {
    if (is_letter_or_digit(c) || plain.find(c) != plain.npos) {
      to += c;
    } else if (in_form && c == ' ') {
      to += '+';
    } else {
      append_hex(to, c);
    }
  }
}

void append_fields(std::string& to, const Fields& fields, bool in_form) {
  bool first = true;
  for (const Field& field : fields) {
    if (!first) to += '&';
    first = false;
    append_encoded(to, field.name, in_form);
    to += '=';
    append_encoded(to, field.value, in_form);
  }
}

void append_base64(std::string& to, std::string_view bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      to += k > bytes.size() - i ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
  }
}

std::string decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    const char* hex = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(hex, hex + 2, value, 16).ptr == hex + 2) {
      bytes += static_cast<char>(value);
      i += 2;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

[[noreturn]] void refuse(std::string_view url, const char* why) {
  std::string message = "a URL with ";
  throw UsageError(message.append(why).append(": '").append(url) + '\'');
}

void add_basic(Outgoing& out, std::string_view user, std::string_view password) {
  if (user.find(':') != user.npos) throw UsageError("a user's name with a colon");
  std::string pair(user);
  pair.append(":").append(password);
  std::string value = "Basic ";
  append_base64(value, pair);
  out.add_line("Authorization", value, false, true);
}

void add_authorization(Outgoing& out, const Authorization& who) {
  if (!who.user.empty() && !who.bearer.empty()) {
    throw UsageError("a request with both basic and bearer authorization");
  }
  if (out.has_line("Authorization")) return;
  if (!who.user.empty()) {
    add_basic(out, who.user, who.password);
  } else if (!who.bearer.empty()) {
    out.add_line("Authorization", std::string("Bearer ").append(who.bearer), false, true);
  }
}

std::uint16_t port_of(std::string_view url, std::string_view digits) {
  unsigned port = 0;
  const char* end = digits.data() + digits.size();
  const bool all = std::from_chars(digits.data(), end, port).ptr == end;
  if (digits.empty() || !all || port == 0 || port > 65535) refuse(url, "a port that is none");
  return static_cast<std::uint16_t>(port);
}

// A name, or an IPv6 address in brackets; sets where it ends.
std::string_view host_of(std::string_view url, std::string_view authority, std::size_t& end) {
  std::string_view host;
  if (authority.starts_with('[')) {
    end = authority.find(']');
    if (end == authority.npos) refuse(url, "a bracket that is not closed");
    host = authority.substr(1, end - 1);
    ++end;
  } else {
    end = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, end);
  }
  if (host.empty()) refuse(url, "no host");
  const bool bare = host.find(':') == host.npos;
  if (bare && authority.starts_with('[')) refuse(url, "brackets around a name");
  if (!all_are(host, Sort::host)) {
    refuse(url, "a host that is no name: non-ASCII names are written as xn--");
  }
  return host;
}

std::string random_boundary() {
  static thread_local std::mt19937_64 numbers(std::random_device{}());
  std::string text = "eddy-";
  for (int i = 0; i < 2; ++i) text += std::to_string(numbers());
  return text;
}

// As browsers have it in what they send (WHATWG, multipart/form-data).
void append_quoted(std::string& to, std::string_view name) {
  to += '"';
  for (const char c : name) {
    if (c == '"' || c == '\r' || c == '\n') {
      append_hex(to, c);
    } else {
      to += c;
    }
  }
  to += '"';
}

void add_part(Upload& upload, const std::string& boundary, const Part& part) {
  const bool is_file = !part.path.empty();
  std::string_view filename = part.filename;
  if (filename.empty() && is_file) filename = part.path.substr(part.path.rfind('/') + 1);
  std::string head = "--" + boundary + "\r\nContent-Disposition: form-data; name=";
  append_quoted(head, part.name);
  if (!filename.empty()) {
    head += "; filename=";
    append_quoted(head, filename);
  }
  std::string_view type = part.content_type;
  if (type.empty() && !filename.empty()) type = "application/octet-stream";
  if (type.find_first_of(std::string_view("\r\n\0", 3)) != type.npos) {
    throw UsageError("a part's type of content with a line feed");
  }
  if (!type.empty()) head.append("\r\nContent-Type: ").append(type);
  upload.add_text(head + "\r\n\r\n");
  if (is_file) {
    upload.add_file(part.path);
  } else {
    upload.add_text(part.value);
  }
  upload.add_text("\r\n");
}

constexpr std::size_t most_kept = 64 * 1024;

void clear_text(std::string& text) noexcept {
  if (text.capacity() > most_kept) {
    text = std::string();
  } else {
    text.clear();
  }
}

Duration settled(const std::optional<AnyDuration>& wanted, Duration otherwise) noexcept {
  if (!wanted) return otherwise;
  return Duration(*wanted) > Duration::zero() ? Duration(*wanted) : Limits::none;
}

}  // namespace

Limits Limits::with(const Timeouts& wanted) const noexcept {
  return {.total = settled(wanted.total, total),
          .place = settled(wanted.place, place),
          .connect = settled(wanted.connect, connect),
          .head = settled(wanted.head, head),
          .idle = settled(wanted.idle, idle)};
}

Duration Limits::of(TimeLimit limit) const noexcept {
  const Duration all[] = {total, place, connect, head, idle};
  return all[static_cast<std::size_t>(limit)];
}

void Outgoing::clear() noexcept {
  for (std::string* part : {&method, &url, &next_url, &host, &text, &body}) clear_text(*part);
  lines.clear();
  upload = {};
  has_body = false;
}

void Outgoing::set_url(std::string_view given) {
  if (first_of(given, Sort::control) < given.size()) {
    throw UsageError("a URL with a control character");
  }
  const std::size_t colon = std::min(given.find("://"), given.size());
  const std::string_view scheme = given.substr(0, colon);
  tls = same_name(scheme, "https");
  if (!tls && !same_name(scheme, "http")) refuse(given, "neither http nor https");
  if (colon == given.size()) refuse(given, "no host");
  const std::string_view behind = given.substr(colon + 3);
  const std::size_t end = first_of(behind, Sort::ends_authority);
  std::string_view authority = behind.substr(0, end);
  std::string_view rest = behind.substr(end);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t at = authority.rfind('@');
  if (at != authority.npos) {
    const std::string_view user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t mark = std::min(user.find(':'), user.size());
    const std::string password = decoded(user.substr(std::min(mark + 1, user.size())));
    const bool said = user.empty() || has_line("Authorization");
    if (!said) add_basic(*this, decoded(user.substr(0, mark)), password);
  }
  std::size_t host_end = 0;
  const std::string_view name = host_of(given, authority, host_end);
  const std::string_view tail = authority.substr(host_end);
  if (!tail.empty() && tail.front() != ':') refuse(given, "something behind its host");
  // A port that is left empty is the usual one (RFC 3986, 3.2.3).
  const bool has_port = tail.size() > 1;
  port = has_port ? port_of(given, tail.substr(1)) : std::uint16_t(tls ? 443 : 80);
  if (rest.starts_with('\\')) refuse(given, "a backslash");

  host.assign(name);
  const std::size_t zone = host.find("%25");  // of an address: RFC 6874
  if (authority.starts_with('[') && zone != host.npos) host.erase(zone + 1, 2);
  std::string& whole = next_url;  // `given` may be a part of the present one
  whole.assign(tls ? "https://" : "http://");
  whole.append(authority.substr(0, host_end));
  if (has_port) whole.append(":").append(std::to_string(port));
  if (!rest.starts_with('/')) whole += '/';
  while (!rest.empty()) {
    const std::size_t plain = first_of(rest, Sort::encoded);
    whole.append(rest.substr(0, plain));
    if (plain < rest.size()) append_hex(whole, rest[plain]);
    rest.remove_prefix(std::min(plain + 1, rest.size()));
  }
  url.swap(whole);
}

void Outgoing::add_query(const Fields& fields) {
  if (fields.empty()) return;
  const std::size_t mark = url.find('?');
  if (mark == url.npos) {
    url += '?';
  } else if (mark + 1 < url.size() && !url.ends_with('&')) {
    url += '&';
  }
  append_fields(url, fields, false);
}

void Outgoing::add_line(std::string_view name, std::string_view value, bool of_body, bool secret) {
  if (!is_token(name)) {
    throw UsageError("a header's name that is none: '" + std::string(name) + "'");
  }
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) {
    throw UsageError("a header with a line feed or a zero byte: " + std::string(name));
  }
  lines.push_back({static_cast<std::uint32_t>(text.size()), of_body, secret});
  text.append(name);
  if (value.find_first_not_of(" \t") == value.npos) {
    text += ';';  // libcurl's spelling of a line without a value
  } else {
    text.append(": ").append(value);
  }
  text += '\0';
}

bool Outgoing::has_line(std::string_view name) const noexcept {
  return std::ranges::any_of(lines, [&](const Line& each) {
    const std::string_view whole = line(each);
    return same_name(whole.substr(0, whole.find_first_of(":;")), name);
  });
}

void Outgoing::set_body(const Body& given) {
  has_body = given.form() != Body::Form::none;
  std::string_view type = given.content_type();
  std::string with_boundary;
  switch (given.form()) {
    case Body::Form::none: break;
    case Body::Form::bytes: body.assign(given.bytes().text()); break;
    case Body::Form::fields: append_fields(body, given.fields(), true); break;
    default: upload = eddy::internal::Counted<Upload>(new Upload);
  }
  if (given.form() == Body::Form::file) upload->add_file(given.bytes().text());
  if (given.form() == Body::Form::source) upload->add_source(*given.source());
  if (given.form() == Body::Form::parts) {
    const std::string boundary = random_boundary();
    for (const Part& part : given.parts()) add_part(*upload, boundary, part);
    upload->add_text("--" + boundary + "--\r\n");
    with_boundary.append(type).append("; boundary=").append(boundary);
    type = with_boundary;
  }
  if (!type.empty() && !has_line("Content-Type")) add_line("Content-Type", type, true, false);
}

void Outgoing::drop_body() noexcept {
  std::erase_if(lines, [](const Line& line) { return line.of_body; });
  has_body = false;
  clear_text(body);
  upload = {};
}

void write_down(Outgoing& out, std::string_view method, std::string_view url,
                const RequestOptions& options, const Fields& always) {
  if (!is_token(method)) throw UsageError("a method that is none: '" + std::string(method) + "'");
  out.method.assign(method);
  const auto add_all = [&out](const Fields& fields, bool again) {
    const std::size_t before = out.lines.size();
    for (const Field& field : fields) {
      if (same_name(field.name, "Content-Length") || same_name(field.name, "Transfer-Encoding")) {
        throw UsageError("a header that the body decides: " + std::string(field.name));
      }
      const bool said = !again && before > 0 && out.has_line(field.name);
      if (said) continue;
      const bool secret = same_name(field.name, "Authorization") ||
                          same_name(field.name, "Cookie");
      const bool of_body = field.name.size() > 8 && same_name(field.name.substr(0, 8), "Content-");
      out.add_line(field.name, field.value, of_body, secret);
    }
  };
  add_all(options.headers, true);
  add_authorization(out, options.authorization);
  out.set_url(url);
  add_all(always, false);
  out.add_query(options.query);
  if (options.body.form() != Body::Form::none && method == "HEAD") {
    throw UsageError("a HEAD with a body");
  }
  out.set_body(options.body);
}

}  // namespace eddy::http::internal
