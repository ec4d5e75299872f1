#include <eddy/base/clock.hpp>

#include <eddy/base/error.hpp>

namespace eddy {

void internal::throw_not_a_number() { throw UsageError("a time that is not a number (NaN)"); }

}  // namespace eddy
