// JSON in requests and responses, by nlohmann's library.
#pragma once

#include <eddy/http.hpp>

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

template <>
struct eddy::http::JsonHook<nlohmann::json> {
  static std::string write(const nlohmann::json& value) { return value.dump(); }
  static nlohmann::json read(std::string_view text) { return nlohmann::json::parse(text); }
};
