// Delimiters: what ends a piece of a stream of bytes: one text, or any of up to four.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/error.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <optional>
#include <string_view>

namespace eddy {

// Trivially copyable. The texts must stay until the call that they are given to has ended: it is
// made of no temporary that owns one.
class Delimiters {
 public:
  static constexpr std::size_t most = 4;

  // Throws UsageError when one is empty.
  template <std::convertible_to<std::string_view>... Texts>
    requires(sizeof...(Texts) >= 1 && sizeof...(Texts) <= most &&
             !(internal::Temporary<Texts> || ...))
  Delimiters(Texts&&... texts) : texts_{std::string_view(texts)...}, count_(sizeof...(Texts)) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (texts_[i].empty()) throw UsageError("an empty delimiter");
    }
  }

  std::size_t longest() const noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < count_; ++i) size = std::max(size, texts_[i].size());
    return size;
  }

  // Where the piece ends that is shortest with its delimiter, which is in it. Only a delimiter that
  // begins at `from` or later counts.
  std::optional<std::size_t> end_of_piece(std::string_view text, std::size_t from) const noexcept {
    std::size_t end = std::string_view::npos;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t at = text.find(texts_[i], from);
      if (at != std::string_view::npos) end = std::min(end, at + texts_[i].size());
    }
    if (end == std::string_view::npos) return std::nullopt;
    return end;
  }

 private:
  std::array<std::string_view, most> texts_{};
  std::size_t count_;
};

}  // namespace eddy
