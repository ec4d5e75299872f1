// Answer: what stands before the content of an answer, and the short answers.
#pragma once

#include "validators.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace http {

struct Answer {
  int status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string_view allow = {};  // the methods, with a 405
  const Validators* file = nullptr;  // what the content comes from
  Part part = {};                    // of the file
  int version = 11;             // of the request
  bool keep_alive = true;
};

// Appends the head of an answer with `length` bytes of content; a 304 has none, and says no length.
void append_head(std::string& into, const Answer& answer, std::uint64_t length);

// "Not Found".
std::string_view reason(int status);

// By the name of the file.
std::string_view content_type(std::string_view path);

}  // namespace http
