// The floor bytes: bytes over anything.
#pragma once

#include <eddy/bytes/delimiters.hpp>      // what ends a piece of a stream
#include <eddy/bytes/duplex.hpp>          // streams in memory
#include <eddy/bytes/end_of_file.hpp>     // EndOfFile
#include <eddy/bytes/limit_exceeded.hpp>  // LimitExceeded
#include <eddy/bytes/reader.hpp>          // buffered reading of anything
#include <eddy/bytes/writer.hpp>          // buffered writing to anything
