// A response's body, in full: as a text, as bytes, into a file.
#include <eddy/core/try.hpp>
#include <eddy/file/file.hpp>
#include <eddy/http/internal/exchange_source.hpp>

#include <cstring>
#include <new>

namespace eddy::http::internal {
using namespace eddy::internal;

Failure ExchangeSource::end_of_file(std::string_view verb, std::string partial,
                                    std::string_view expected) {
  return Failure::holding(EndOfFile(verb, exchange_->url(), std::move(partial), expected));
}

Failure ExchangeSource::limit_exceeded(std::string_view verb, std::size_t limit) {
  return Failure::holding(LimitExceeded(verb, exchange_->url(), limit));
}

Task<std::string> read_body(ExchangeSource source, std::size_t limit) {
  return Exchange::read_all(source.exchange(), limit);
}

Task<std::vector<std::byte>> read_body_bytes(ExchangeSource source, std::size_t limit) {
  EDDY_TRY(std::string text, read_body(source, limit));
  std::vector<std::byte> bytes;
  try {
    bytes.resize(text.size());
  } catch (const std::bad_alloc&) {
    source.exchange()->give_back(text);
    throw;
  }
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  co_return bytes;
}

namespace {

// From the first to the last piece of a download nobody else reads.
class Held {
 public:
  explicit Held(Exchange& exchange) : exchange_(exchange) { exchange.hold(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { exchange_.let_go(); }

 private:
  Exchange& exchange_;
};

}  // namespace

Task<std::uint64_t> download(ExchangeSource source, std::string path, DownloadProgress progress,
                             DownloadOptions options) {
  Exchange& exchange = *source.exchange();
  const Held held(exchange);
  EDDY_TRY(File file, eddy::open(path, options.append ? "ab" : "wb"));
  const auto all = exchange.content_length();
  std::uint64_t done = 0;
  if (progress) progress(done, all);
  for (;;) {
    std::size_t got = exchange.ahead().size();
    if (got == 0) {
      exchange.let_go();  // it holds it by itself, from this step to its last
      EDDY_TRY(got, source.fill());
      exchange.hold();
    }
    if (got == 0) break;
    const std::size_t size = exchange.ahead().size();
    EDDY_DO(file.write(exchange.ahead().view()));
    EDDY_DO(file.flush());  // or a cancel would lose what is in the file's buffer
    exchange.ahead().consume(size);
    done += size;
    if (progress) progress(done, all);
  }
  EDDY_DO(file.close());
  co_return done;
}

}  // namespace eddy::http::internal
