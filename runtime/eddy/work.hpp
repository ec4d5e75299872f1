// The floor work: threads.
#pragma once

#include <eddy/work/blocking_calls.hpp>  // threads for what only blocks
