// Where a redirect leads to.
#include <eddy/base/error.hpp>
#include <eddy/http/internal/transfer.hpp>

#include <curl/curl.h>

#include <new>
#include <string>
#include <string_view>

namespace eddy::http::internal {

std::string Transfer::absolute(const std::string& base, std::string_view place) {
  CURLU* parts = curl_url();
  if (!parts) throw std::bad_alloc();
  struct Cleanup {
    ~Cleanup() {
      curl_free(text);
      curl_url_cleanup(parts);
    }
    CURLU* parts;
    char* text = nullptr;
  } owned{parts};
  const std::string there(place);
  CURLUcode code = curl_url_set(parts, CURLUPART_URL, base.c_str(), 0);
  if (code == CURLUE_OK) code = curl_url_set(parts, CURLUPART_URL, there.c_str(), CURLU_URLENCODE);
  if (code == CURLUE_OK) code = curl_url_get(parts, CURLUPART_URL, &owned.text, 0);
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK) {
    throw UsageError("a redirect to what is no URL of http: '" + there + "'");
  }
  return owned.text;
}

}  // namespace eddy::http::internal
