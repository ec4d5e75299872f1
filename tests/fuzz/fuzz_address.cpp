// Whatever Address takes, it writes so that it takes it again, as the same.
#include "fuzz.hpp"

#include <eddy/base/error.hpp>
#include <eddy/net/address.hpp>

using eddy::Address;

void fuzz::address(std::string_view text) {
  const auto parsed = Address::try_parse(text);
  bool thrown = false;
  try {
    static_cast<void>(Address::parse(text));
  } catch (const eddy::UsageError&) {
    thrown = true;
  }
  require(thrown != parsed.has_value(), "parse() throws where try_parse() has no value");
  if (!parsed) return;

  const std::string written = parsed->format();
  const auto again = Address::try_parse(written);
  require(again.has_value(), "what format() writes is an address");
  require(*again == *parsed, "it is the same address");
  require(again->format() == written, "and it is written the same");
  const auto copy = Address::from(parsed->data(), parsed->size());
  require(copy == *parsed && copy.format() == written, "the kernel gives it back the same");
  require(parsed->is_ip() ? parsed->with_port(7).port() == 7 : parsed->is_unix(), "a port is set");
}

FUZZ(fuzz::address)
