// Target: where a request goes, decoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http {

// Views of the target of a request: "/a/b?c=d", or "http://host/a/b?c=d".
struct Target {
  std::string_view path;
  std::string_view query;
};
Target split(std::string_view target);

// The path below the root, without a slash before it, into `into`. False for what could lead out of
// it, or means two things: "." and ".." as a part, an encoded slash or zero byte, a bad escape.
bool decode_path(std::string_view path, std::string& into);

// The value of `name` in "a=b&c=d", into `into`. False where there is none that is right.
bool decode_query(std::string_view query, std::string_view name, std::string& into);

// Appends `text` as a JSON string. False, when it is not UTF-8.
bool append_json(std::string_view text, std::string& into);

}  // namespace http
