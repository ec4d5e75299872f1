// read_kernel_file: a file of /proc or /sys, which is in memory: nobody waits for a disk.
#pragma once

#include <eddy/base/internal/standard.hpp>

#include <string>

namespace eddy::internal {

// All of it; empty when it cannot be read.
std::string read_kernel_file(const std::string& path);

}  // namespace eddy::internal
