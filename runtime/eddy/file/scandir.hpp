// fs::scandir: the entries of a directory, with their types.
#pragma once

#include <eddy/base/text.hpp>
#include <eddy/file/directory_entry.hpp>

namespace eddy::fs {

// In any order, without "." and "..". A failure names the path, and ends them.
//
//   auto entries = fs::scandir("mail");
//   while (auto entry = co_await entries.next()) ...
DirectoryEntries scandir(Text path);

}  // namespace eddy::fs
