// The floor kit: ready-made parts.
#pragma once

#include <eddy/kit/connect.hpp>  // connect to a host
#include <eddy/kit/resolve.hpp>  // names of hosts
#include <eddy/kit/serve.hpp>    // a task for each connection
