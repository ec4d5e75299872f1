// fs::fnmatch: whether a name matches a pattern of a shell.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <string>
#include <string_view>

namespace eddy::fs {

// "*" is any characters, "?" any one, "[a-z_]" one of these, "[!...]" any but these; all else is
// itself, so that "[*]" is a star. Characters are those of UTF-8; a byte that is none counts as
// one. Python's fnmatchcase: a leading dot and a slash are nothing special.
bool fnmatch(std::string_view name, std::string_view pattern) noexcept;

// Whether there is anything in it that means more than itself.
bool has_magic(std::string_view pattern) noexcept;

// The pattern that matches exactly this.
std::string glob_escape(std::string_view text);

}  // namespace eddy::fs
