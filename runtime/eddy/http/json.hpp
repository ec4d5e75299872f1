// JSON by way of a library of the user's. Once, in a header that all of the program's files share:
//
//   template <>
//   struct eddy::http::JsonHook<nlohmann::json> {
//     static std::string write(const nlohmann::json& value) { return value.dump(); }
//     static nlohmann::json read(std::string_view text) { return nlohmann::json::parse(text); }
//   };
//
// In it `json` alone would be http::json(), whatever the program calls nlohmann::json.
//
//   auto response = co_await client.post(url, {.body = http::json(value)});
//   auto answer = co_await response.json<nlohmann::json>();
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::http {

template <class T>
struct JsonHook;

template <class T>
concept WritesJson = requires(const T& value) {
  { JsonHook<T>::write(value) } -> std::convertible_to<std::string>;
};
template <class T>
concept ReadsJson = requires(std::string_view text) {
  { JsonHook<T>::read(text) } -> std::convertible_to<T>;
};

// A value as text, on its way into a request.
class JsonText {
 public:
  explicit JsonText(std::string text) noexcept : text_(std::move(text)) {}
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

template <WritesJson T>
JsonText json(const T& value) {
  return JsonText(JsonHook<T>::write(value));
}
// What is JSON already.
inline JsonText json_text(std::string text) { return JsonText(std::move(text)); }

}  // namespace eddy::http
