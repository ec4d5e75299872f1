// Ends the program when a test hangs, and says which one it was and which tasks are left.
//
// Every test has a minute, and three under sanitizers, where the same takes longer. Linking the
// support library is enough; EDDY_TEST_SECONDS in the environment says another number for all.
#pragma once

#include <chrono>

namespace test {

// For a test that needs more, at its beginning: so long from now on.
void allow(std::chrono::milliseconds time);

}  // namespace test
