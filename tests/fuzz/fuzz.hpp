// What the fuzzers run, and the tests of what is in corpus/. A wrong result ends the program.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

void address(std::string_view text);

// The first two bytes say where the rest is split.
void request(std::string_view input);
void request_split(std::string_view text, std::size_t at);

// The first byte says what the rest is: a client's, a server's, text, or what comes behind that.
void records(std::string_view input);

inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::abort();
}

}  // namespace fuzz

#ifdef FUZZER
#define FUZZ(function)                                                               \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    function({reinterpret_cast<const char*>(data), size});                           \
    return 0;                                                                        \
  }
#else
#define FUZZ(function)
#endif
