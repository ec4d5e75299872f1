// ApiSite: what the documents of patterns ask by HTTP, as a site of the program's own.
//
//   /users/N           {"id": N, "name": "User N"}; /users/N/active says whether N is even
//   /items?page=N      N numbers
//   /stream            three lines, an object each
//   POST /echo         what was sent, in an object
//   /missing 404, /down 500, /slow never answers, /flaky 503 for the first two times
//   any other          {"path": its path}
#pragma once

#include "json.hpp"
#include "local_site.hpp"

#include <atomic>
#include <numeric>
#include <string>

class ApiSite : public LocalSite {
 public:
  ApiSite() : LocalSite([this](const Request& request) { return answer(request); }) {}

 private:
  using json = nlohmann::json;

  Page answer(const Request& request) {
    const std::string& path = request.path;
    if (path == "/missing") return Page("", 404);
    if (path == "/down") return Page("", 500);
    if (path == "/flaky" && ++flaky_ <= 2) return Page("", 503);
    Page page(content(request).dump());
    if (path == "/stream") page.body = "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n";
    page.stalls = path == "/slow";
    page.after = std::chrono::milliseconds(2);
    return page;
  }

  static json content(const Request& request) {
    const std::string& path = request.path;
    if (request.method == "POST") return {{"received", json::parse(request.body)}};
    if (path.starts_with("/users/")) return user(path.substr(7));
    if (path.starts_with("/items?page="))
      return json(std::vector<int>(std::stoul(path.substr(12))));
    return {{"path", path}};
  }
  static json user(const std::string& rest) {
    const int id = std::stoi(rest);
    if (rest.ends_with("/active")) return {{"active", id % 2 == 0}};
    return {{"id", id}, {"name", "User " + std::to_string(id)}};
  }

  std::atomic<int> flaky_ = 0;
};
