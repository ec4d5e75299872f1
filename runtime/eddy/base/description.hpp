// What messages and reports are made of: names and lengths as one would say them.
#pragma once

#include <eddy/base/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <string_view>

namespace eddy {

// What an exception says, whatever it is: its what(), "cancelled: the reason", or
// "an exception of type int".
std::string to_text(const std::exception_ptr& exception);

// "5s", "1.5s", "250ms", "20us", "7ns": to three places.
std::string to_text(Duration length);

// "fetch() (main.cpp:12)". GCC before 13 takes the end of a coroutine for its place.
std::string to_text(const std::source_location& where);

namespace internal {

// "1 byte", "10 bytes".
std::string count_of_bytes(std::size_t count);

// A function's name as both compilers would have it: without its result and arguments, those of
// templates, and the unnamed namespaces that it is in: "app::fetch()", "main()::<lambda>()".
// Of signature_of<A>(): the type, without "eddy::".
std::string short_name(std::string_view signature);

// What to_text() says of a place.
std::string text_of_place(std::string_view function, std::string_view file, std::uint32_t line);

// As it is written in C++; `name` itself where it is none of the linker's.
std::string demangled(const char* name);

// With a '?' for each control character, as ps(1) has it: it stays on its line, and a terminal
// obeys nothing of it.
std::string harmless(std::string text);

}  // namespace internal

}  // namespace eddy
