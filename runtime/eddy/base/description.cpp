#include <eddy/base/description.hpp>

#include <eddy/base/error.hpp>

#include <cxxabi.h>

#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace eddy {
namespace {

// REQUIRES: called inside of a catch block
std::string unknown_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type) return "an exception that is none of C++";
  return "an exception of type " + internal::demangled(type->name());
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

void forget_unnamed(std::string& text) {
  replace_all(text, "(anonymous namespace)::", "");
  replace_all(text, "{anonymous}::", "");
}

bool is_of_a_name(unsigned char c) noexcept { return c == '_' || std::isalnum(c); }

// Whose namespaces say nothing to who reads it: eddy::http::internal::f is http::f.
void forget_own(std::string& text) {
  for (std::size_t at = 0; (at = text.find("eddy::", at)) != std::string::npos;) {
    if (at > 0 && is_of_a_name(text[at - 1])) {  // another's that ends so
      ++at;
      continue;
    }
    text.erase(at, 6);
    std::size_t end = at;  // of the name behind it
    while (end < text.size() && is_of_a_name(text[end])) ++end;
    if (text.compare(at, 10, "internal::") == 0) {
      text.erase(at, 10);
    } else if (text.compare(end, 12, "::internal::") == 0) {
      text.erase(end + 2, 10);
    }
  }
}

// The type that signature_of() names: behind "A = ", as both compilers write it.
std::string type_in(std::string_view signature) {
  const std::size_t begin = signature.find("A = ") + 4;
  std::string type(signature.substr(begin, signature.rfind(']') - begin));
  forget_own(type);
  forget_unnamed(type);
  return type;
}

bool closes(char c) noexcept { return c == ')' || c == '>' || c == '}' || c == ']'; }
bool opens(char c) noexcept { return c == '(' || c == '<' || c == '{' || c == '['; }

// Where the bracket opens that ends before `end`; 0 where none does.
std::size_t opening(std::string_view text, std::size_t end) noexcept {
  int depth = 0;
  while (end > 0) {
    --end;
    if (closes(text[end])) ++depth;
    if (opens(text[end]) && --depth <= 0) return end;
  }
  return 0;
}

// Behind the last blank that is in no bracket: there the name begins.
std::size_t begin_of_name(std::string_view text) noexcept {
  std::size_t at = text.size();
  while (at > 0 && text[at - 1] != ' ') at = closes(text[at - 1]) ? opening(text, at) : at - 1;
  return at;
}

// Without what is in round brackets: the arguments of the functions that a lambda is in.
std::string without_arguments(std::string_view text) {
  std::string bare;
  int depth = 0;
  for (const char c : text) {
    if (c == ')') --depth;
    if (depth <= 0) bare += c;
    if (c == '(') ++depth;
  }
  return bare;
}

}  // namespace

std::string to_text(const std::exception_ptr& exception) {
  if (!exception) return "no exception";
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& error) {
    return error.what();
  } catch (const Cancelled& cancelled) {
    std::string text = "cancelled";
    if (!cancelled.message().empty()) text.append(": ").append(cancelled.message());
    return text;
  } catch (...) {
    return unknown_exception();
  }
}

std::string to_text(Duration length) {
  struct Unit {
    double length;
    const char* name;
  };
  static constexpr std::array<Unit, 3> units = {{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}}};
  const auto count = static_cast<double>(length.count());
  for (const Unit& unit : units) {
    if (count > -unit.length && count < unit.length && count != 0) continue;
    std::array<char, 40> text;
    std::snprintf(text.data(), text.size(), "%.3f", count / unit.length);
    std::string number(text.data());
    number.erase(number.find_last_not_of('0') + 1);
    if (number.ends_with('.')) number.pop_back();
    return number + unit.name;
  }
  return std::to_string(length.count()) + "ns";
}

std::string internal::count_of_bytes(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

std::string internal::short_name(std::string_view signature) {
  if (signature.find("signature_of") != std::string_view::npos) return type_in(signature);
  if (signature.find('(') == std::string_view::npos) return std::string(signature);
  std::string name(signature.substr(0, signature.find(" [")));  // "[with T = int]"
  forget_own(name);
  forget_unnamed(name);
  replace_all(name, "(anonymous class)::operator()", "<lambda>");
  for (std::size_t at = 0; (at = name.find("<lambda(", at)) != std::string::npos; ++at) {
    const std::size_t end = name.find(")>", at);  // GCC has the arguments of a lambda inside
    if (end != std::string::npos) name.replace(at, end + 2 - at, "<lambda>()");
  }
  const std::size_t end = name.rfind(')');  // behind it: const, noexcept
  const std::string_view called = std::string_view(name).substr(0, opening(name, end + 1));
  return without_arguments(called.substr(begin_of_name(called))) + "()";
}

std::string to_text(const std::source_location& where) {
  return internal::text_of_place(where.function_name(), where.file_name(), where.line());
}

std::string internal::text_of_place(std::string_view function, std::string_view file,
                                    std::uint32_t line) {
  std::string text = short_name(function);
  return text.append(" (").append(file).append(":").append(std::to_string(line)).append(")");
}

std::string internal::demangled(const char* name) {
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, nullptr), &std::free);
  return text ? text.get() : name;
}

std::string internal::harmless(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return text;
}

}  // namespace eddy
