// Requests and pipes for tests that talk to the kernel directly.
#pragma once

#include <eddy/eddy.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <unistd.h>

namespace test {

inline eddy::internal::Operation nop() {
  eddy::internal::Request request;
  request.opcode = IORING_OP_NOP;
  return eddy::internal::Operation(request, "nop");
}

inline eddy::internal::Operation read(int fd, void* data, unsigned size) {
  eddy::internal::Request request;
  request.opcode = IORING_OP_READ;
  request.fd = fd;
  request.address = eddy::internal::address_of(data);
  request.length = size;
  request.offset = ~0ull;
  return eddy::internal::Operation(request, "read");
}

struct Pipe {
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  void put(std::string_view text) {
    EXPECT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  eddy::UniqueFd out;
  eddy::UniqueFd in;
};

}  // namespace test
