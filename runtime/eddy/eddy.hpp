// Everything of eddy, by floor. Each floor, and each header, can be included alone.
#pragma once

#include <eddy/base.hpp>   // knows neither kernel nor coroutine
#include <eddy/core.hpp>   // one ring, one loop, tasks
#include <eddy/sync.hpp>   // waiting for each other
#include <eddy/flow.hpp>   // composing tasks
#include <eddy/bytes.hpp>  // bytes over anything
#include <eddy/work.hpp>   // threads
#include <eddy/file.hpp>   // the file system
#include <eddy/net.hpp>    // peers
#include <eddy/kit.hpp>    // ready-made parts
