// Headers: the header lines of a response, in the order in which they came.
//
// Names compare without regard to case (RFC 9110, 5.1). Where HTTP/2 brought them they are small.
// What it gives are views, which stay as long as the Response.
#pragma once

#include <eddy/http/fields.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eddy::http {

class Headers {
 public:
  class Iterator {
   public:
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    Iterator() noexcept = default;
    Iterator(const Headers* headers, std::size_t place) noexcept
        : headers_(headers), place_(place) {}
    Field operator*() const noexcept { return (*headers_)[place_]; }
    Iterator& operator++() noexcept {
      ++place_;
      return *this;
    }
    Iterator operator++(int) noexcept { return {headers_, place_++}; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Headers* headers_ = nullptr;
    std::size_t place_ = 0;
  };

  // The value of the first line with that name, without the blanks around it.
  std::optional<std::string_view> get(std::string_view name) const noexcept;
  // The same, or `otherwise`.
  std::string_view get(std::string_view name, std::string_view otherwise) const noexcept {
    return get(name).value_or(otherwise);
  }
  bool contains(std::string_view name) const noexcept { return get(name).has_value(); }
  // Of each line with that name: Set-Cookie comes more than once.
  std::vector<std::string_view> get_all(std::string_view name) const;

  std::size_t size() const noexcept { return lines_.size(); }
  bool empty() const noexcept { return lines_.empty(); }
  Field operator[](std::size_t place) const noexcept;
  Iterator begin() const noexcept { return {this, 0}; }
  Iterator end() const noexcept { return {this, size()}; }

  // -- for who reads them off the wire --

  // "Name: value", with or without its end of line. Without a colon: nothing is added.
  void add_line(std::string_view line);
  // Keeps the memory.
  void clear() noexcept;

 private:
  struct Line {
    std::uint32_t name, name_size, value, value_size;
  };
  std::string text_;
  std::vector<Line> lines_;
};

// ASCII alone.
bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace eddy::http
