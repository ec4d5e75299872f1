// Argv: a program and its arguments, as they are written: {"sort", "-u", path}, or a range of
// strings. Copied. No initializer_list: GCC before 14 has none in an expression that waits.
#pragma once

#include <eddy/base/text.hpp>

#include <concepts>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

class Argv {
 public:
  template <class T>
  static constexpr bool is_word =
      std::is_convertible_v<const T&, std::string_view> || FilesystemPath<T>;

  Argv() = default;
  template <class... Words>
    requires(sizeof...(Words) > 0 && (is_word<Words> && ...))
  Argv(const Words&... words) {
    words_.reserve(sizeof...(Words));
    (add(words), ...);
  }
  template <std::ranges::input_range R>
    requires(!is_word<R> && is_word<std::ranges::range_value_t<R>>)
  Argv(const R& words) { for (const auto& word : words) add(word); }
  Argv(std::vector<std::string> words) noexcept : words_(std::move(words)) {}

  const std::vector<std::string>& words() const& noexcept { return words_; }
  std::vector<std::string> words() && noexcept { return std::move(words_); }

 private:
  template <class T>
  void add(const T& word) {
    if constexpr (FilesystemPath<T>) {
      words_.push_back(word.native());
    } else {
      words_.emplace_back(std::string_view(word));
    }
  }

  std::vector<std::string> words_;
};

}  // namespace eddy
