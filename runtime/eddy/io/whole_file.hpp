// Whole files in one call: open, read or write everything, close.
#pragma once

#include <eddy/base/bytes.hpp>
#include <eddy/core/task.hpp>
#include <eddy/io/file.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace eddy {

Task<std::string> read_text(Text path);
Task<std::vector<std::byte>> read_bytes(Text path);

// Creates or replaces the file. The bytes must stay until it resumes.
Task<> write_text(Text path, std::string text);
Task<> write_bytes(Text path, Bytes bytes);
Task<> append_text(Text path, std::string text);

// Readers see the old file or the new one whole, also after a power failure: writes a temporary
// file beside it, syncs, renames, syncs the directory. Failed or cancelled: the old one is
// untouched and nothing is left beside it. Keeps the permissions of the file it replaces.
Task<> write_atomic(Text path, Bytes bytes);

}  // namespace eddy
