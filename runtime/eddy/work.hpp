// The floor work: threads.
#pragma once

#include <eddy/base/internal/standard.hpp>

