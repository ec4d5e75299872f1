// The floor file: the file system.
#pragma once

#include <eddy/file/file.hpp>               // open, File
#include <eddy/file/file_call.hpp>          // inline or on the ring
#include <eddy/file/file_mode.hpp>          // "r+" and the like
#include <eddy/file/file_stat.hpp>          // size, times, permissions
#include <eddy/file/file_state.hpp>         // what is behind a File
#include <eddy/file/fs.hpp>                 // stat, rename, mkdir, copyfile ...
#include <eddy/file/path.hpp>               // names for the kernel
#include <eddy/file/read_call.hpp>          // from the cache, or on the ring
#include <eddy/file/registered_buffer.hpp>  // memory that the kernel keeps pinned
#include <eddy/file/stoppable.hpp>          // ends when its File goes
#include <eddy/file/storage.hpp>            // which of the two, by mount
#include <eddy/file/whole_file.hpp>         // read_text, write_atomic ...
