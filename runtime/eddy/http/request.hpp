// RequestOptions: what a request says beside its method and its URL.
//
//   co_await client.get(url, {.query = {{"page", "2"}}, .timeouts = {.total = 10s}});
#pragma once

#include <eddy/http/body.hpp>
#include <eddy/http/fields.hpp>
#include <eddy/http/timeouts.hpp>

#include <optional>
#include <string_view>

namespace eddy::http {

// Who asks. At most one of both; the same as a header "Authorization" of the request's own, which
// comes first. Not sent on to another host by a redirect.
struct Authorization {
  std::string_view user = {};      // basic, where it is not empty
  std::string_view password = {};
  std::string_view bearer = {};    // a token
};

// Views, all of which the call copies. Trivially copyable.
struct RequestOptions {
  Fields headers = {};                  // after the client's; one of the same name replaces it
  Fields query = {};                    // appended to the URL's, percent-encoded
  Body body = {};
  Authorization authorization = {};
  Timeouts timeouts = {};
  std::optional<unsigned> redirects = {};  // how many are followed; 0: none, 3xx is the response
};

}  // namespace eddy::http
