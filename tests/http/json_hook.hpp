// A type that goes into JSON and comes out of it, as little as the tests need.
#pragma once

#include <eddy/http/json.hpp>

#include <stdexcept>

namespace test {

struct Named {
  std::string name;
  bool ok = false;
};

}  // namespace test

template <>
struct eddy::http::JsonHook<test::Named> {
  static std::string write(const test::Named& value) {
    return "{\"name\": \"" + value.name + "\", \"ok\": " + (value.ok ? "true" : "false") + "}";
  }
  static test::Named read(std::string_view text) {
    constexpr std::string_view begin = "{\"name\": \"";
    if (!text.starts_with(begin)) throw std::invalid_argument("no Named in JSON");
    text.remove_prefix(begin.size());
    return {std::string(text.substr(0, text.find('"'))), text.find("true") != text.npos};
  }
};
