// Upload: a request's body that is made while it is sent: files, forms with files, a BodySource.
//
// feed() has the next piece read; take() is how libcurl gets it.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/task.hpp>
#include <eddy/file/file.hpp>
#include <eddy/http/body.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace eddy::http::internal {

class Upload : public eddy::internal::RefCounted<Upload>, public eddy::internal::Pooled {
 public:
  void add_text(std::string_view text);
  void add_file(std::string_view path);
  void add_source(BodySource& source);

  // Opens the files, finds out how long all is, and reads the first piece. Throws Error.
  static Task<> prepare(eddy::internal::Counted<Upload> self);
  // In bytes; none where nobody knows. REQUIRES: prepared
  std::optional<std::uint64_t> size() const noexcept { return size_; }

  // All was taken.
  bool ended() const noexcept { return begin_ == end_ && ended_; }
  // Nothing to be taken before feed() has resumed.
  bool starved() const noexcept { return begin_ == end_ && !ended_; }
  // As many bytes as there are and fit.
  std::size_t take(MutableBytes into) noexcept;
  // Reads the next piece. Throws Error; what a source throws.
  static Task<> feed(eddy::internal::Counted<Upload> self);
  // From the beginning. False: that cannot be.
  bool rewind();

 private:
  static constexpr std::size_t chunk_size = 64 * 1024;

  struct Piece {
    std::string text = {};
    std::string path = {};
    File file = {};
    std::uint64_t size = 0;
    BodySource* source = nullptr;
  };

  std::vector<Piece> pieces_;
  std::unique_ptr<std::byte[]> chunk_;
  std::size_t begin_ = 0;  // what of the chunk was not taken
  std::size_t end_ = 0;
  std::size_t piece_ = 0;  // what is read next, ...
  std::uint64_t offset_ = 0;  // ... and from where
  std::uint64_t rewound_ = 0;  // how often
  std::optional<std::uint64_t> size_;
  bool ended_ = false;
};

}  // namespace eddy::http::internal
