// What the verbs of reading read a response's body by.
#pragma once

#include <eddy/bytes/internal/read_verbs.hpp>
#include <eddy/http/download.hpp>
#include <eddy/http/internal/exchange.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eddy::http::internal {

class ExchangeSource {
 public:
  explicit ExchangeSource(eddy::internal::Counted<Exchange> exchange) noexcept
      : exchange_(std::move(exchange)) {}
  bool free() const noexcept { return exchange_->free_to_read(); }
  void begin() const { exchange_->require_free_to_read(); }
  eddy::internal::ReadAhead& ahead() { return exchange_->ahead(); }
  Task<std::size_t> fill() { return Exchange::fill(exchange_); }
  Failure end_of_file(std::string_view verb, std::string partial, std::string_view expected);
  Failure limit_exceeded(std::string_view verb, std::size_t limit);

  const eddy::internal::Counted<Exchange>& exchange() const noexcept { return exchange_; }

 private:
  eddy::internal::Counted<Exchange> exchange_;
};

Task<std::string> read_body(ExchangeSource source, std::size_t limit);
Task<std::vector<std::byte>> read_body_bytes(ExchangeSource source, std::size_t limit);
Task<std::uint64_t> download(ExchangeSource source, std::string path, DownloadProgress progress,
                             DownloadOptions options);

}  // namespace eddy::http::internal
