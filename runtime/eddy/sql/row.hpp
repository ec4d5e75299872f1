// Row and Rows: what a statement has given, and how it becomes values.
//
//   for (const Row& row : co_await connection.fetch("select id, name from users"))
//     use(row.get<int>(0), row.get<std::string>("name"));
//   auto [id, name] = row->as<std::tuple<int, std::string>>();
//
//   template <>
//   inline constexpr auto eddy::sql::columns<User> =
//       std::tuple(column("id", &User::id), column("name", &User::name));
//   std::vector<User> users = rows.as<User>();
//
// Both share the server's answer, which is not copied, and outlive their connection. Types that
// get<T>() knows: bool, integers, floating point, std::string, std::string_view (while a Row or
// Rows of the answer lives), std::vector<std::byte> (bytea), std::vector<T> of these (arrays of one
// dimension), std::optional of each (NULL), and those for which FromField is specialised. An
// integer or a number may also be read out of a text column, and anything as std::string.
//
//   template <>
//   struct eddy::sql::FromField<Mood> {
//     static Mood read(const Field& field) {  // is not NULL
//       if (field.text() == "sad") return Mood::sad;
//       field.refuse("mood");  // throws Error (conversion)
//     }
//   };
//
// A time is read as text, or as what the statement makes of it: extract(epoch from t)::float8.
//
// A value that is not of the type, or does not fit, a NULL where no optional was asked for, throws
// Error (conversion) which names the column; a column that is not there UsageError.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/sql/internal/field.hpp>
#include <eddy/sql/internal/result_data.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy::sql {

// A column and the member it goes to, for columns<T>.
template <class T, class M>
struct Column {
  std::string_view name;
  M T::*member;
};
template <class T, class M>
constexpr Column<T, M> column(std::string_view name, M T::*member) {
  return {name, member};
}

// To be specialised for a struct, which needs a default constructor: a std::tuple of column()s.
template <class T>
inline constexpr std::nullptr_t columns = nullptr;

namespace internal {

template <class T>
inline constexpr bool has_columns =
    !std::is_same_v<std::remove_cvref_t<decltype(columns<T>)>, std::nullptr_t>;
template <class T>
inline constexpr bool is_tuple = false;
template <class... Ts>
inline constexpr bool is_tuple<std::tuple<Ts...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;

}  // namespace internal

class Row {
  using Data = eddy::internal::Counted<internal::ResultData>;

 public:
  Row(Data data, std::size_t index) noexcept : data_(std::move(data)), index_(index) {}

  // How many columns.
  std::size_t size() const noexcept { return data_->columns(); }
  std::string_view name(std::size_t column) const { return data_->name(column); }
  // The first with that name. Throws UsageError.
  std::size_t index_of(std::string_view name) const { return data_->index_of(name); }
  bool contains(std::string_view name) const noexcept { return data_->has(name); }
  bool is_null(std::size_t column) const { return data_->field(index_, column).is_null(); }
  bool is_null(std::string_view name) const { return is_null(index_of(name)); }
  // As the server wrote it.
  Field operator[](std::size_t column) const { return data_->field(index_, column); }
  Field operator[](std::string_view name) const { return (*this)[index_of(name)]; }

  template <class T>
  T get(std::size_t column) const { return internal::read_field<T>((*this)[column]); }
  template <class T>
  T get(std::string_view name) const { return get<T>(index_of(name)); }

  // All columns as a std::tuple or std::pair, of as many; a struct that has columns<T>; any other
  // type from the only column.
  template <class T>
  T as() const {
    if constexpr (internal::is_tuple<T>) {
      data_->require_columns(std::tuple_size_v<T>);
      return to_tuple<T>(std::make_index_sequence<std::tuple_size_v<T>>());
    } else if constexpr (internal::has_columns<T>) {
      T made{};
      std::apply([&](const auto&... each) { (set(made, each), ...); }, columns<T>);
      return made;
    } else {
      data_->require_columns(1);
      return get<T>(0);
    }
  }

 private:
  template <class T, std::size_t... I>
  T to_tuple(std::index_sequence<I...>) const {
    return T(get<std::tuple_element_t<I, T>>(I)...);
  }
  template <class T, class M>
  void set(T& made, const Column<T, M>& to) const { made.*to.member = get<M>(to.name); }

  Data data_;
  std::size_t index_;
};

class Rows {
  using Data = eddy::internal::Counted<internal::ResultData>;

 public:
  class Iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using reference = Row;
    using iterator_category = std::input_iterator_tag;
    Iterator() noexcept = default;
    Iterator(const Rows& rows, std::size_t index) noexcept : rows_(&rows), index_(index) {}
    Row operator*() const { return (*rows_)[index_]; }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    Iterator operator++(int) noexcept {
      Iterator old = *this;
      ++index_;
      return old;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
      return a.index_ == b.index_;
    }

   private:
    const Rows* rows_ = nullptr;
    std::size_t index_ = 0;
  };

  Rows() noexcept = default;
  explicit Rows(Data data) noexcept : data_(std::move(data)) {}

  std::size_t size() const noexcept { return data_ ? data_->rows() : 0; }
  bool empty() const noexcept { return size() == 0; }
  // How many columns, and what they are called.
  std::size_t columns() const noexcept { return data_ ? data_->columns() : 0; }
  std::string_view name(std::size_t column) const { return data().name(column); }

  // Throws UsageError for one that is not there.
  Row operator[](std::size_t index) const {
    data().require_row(index);
    return Row(data_, index);
  }
  Row front() const { return (*this)[0]; }
  Iterator begin() const noexcept { return {*this, 0}; }
  Iterator end() const noexcept { return {*this, size()}; }

  // "SELECT 3", "INSERT 0 1", and the number in it.
  std::string_view status() const noexcept { return data_ ? data_->status() : std::string_view(); }
  std::uint64_t affected() const noexcept { return data_ ? data_->affected() : 0; }

  // Row::as() of each.
  template <class T>
  std::vector<T> as() const {
    std::vector<T> all;
    all.reserve(size());
    for (const Row& row : *this) all.push_back(row.as<T>());
    return all;
  }

 private:
  internal::ResultData& data() const {
    if (!data_) internal::throw_no_rows();
    return *data_;
  }

  Data data_;
};

}  // namespace eddy::sql
