// FileId: which file it is, whatever its name.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <cstdint>
#include <optional>

namespace eddy::internal {

// As stat(2) has them. Another file may have the same once this one is gone.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

// Of what is open, by what is known of it here: a server is not asked. None, and errno, where it
// cannot be told.
std::optional<FileId> id_of(int fd) noexcept;

}  // namespace eddy::internal
