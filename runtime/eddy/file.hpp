// The floor file: the file system.
#pragma once

#include <eddy/file/aligned_buffer.hpp>     // memory for O_DIRECT
#include <eddy/file/append_line.hpp>        // a line more in a log
#include <eddy/file/copy.hpp>               // copyfile, copy, sendfile
#include <eddy/file/copy_tree.hpp>          // copytree
#include <eddy/file/directory.hpp>          // open_directory, its sync
#include <eddy/file/directory_entry.hpp>    // what scandir and walk give
#include <eddy/file/file.hpp>               // open, File
#include <eddy/file/file_lock.hpp>          // between programs
#include <eddy/file/file_mode.hpp>          // "r+" and the like
#include <eddy/file/file_stat.hpp>          // size, times, permissions
#include <eddy/file/fnmatch.hpp>            // patterns of a shell
#include <eddy/file/fs.hpp>                 // stat, rename, mkdir ...
#include <eddy/file/glob.hpp>               // glob, rglob
#include <eddy/file/move.hpp>               // move, also to another file system
#include <eddy/file/registered_buffer.hpp>  // memory that the kernel keeps pinned
#include <eddy/file/remove_tree.hpp>        // rmtree
#include <eddy/file/scandir.hpp>            // scandir
#include <eddy/file/spooled_file.hpp>       // in memory until it is large
#include <eddy/file/standard_files.hpp>     // stdin_file ...
#include <eddy/file/temporary_directory.hpp>  // gone at the end, with all in it
#include <eddy/file/temporary_file.hpp>     // gone at the end
#include <eddy/file/temporary_name.hpp>     // gettempdir, mkdtemp, mkstemp
#include <eddy/file/walk.hpp>               // walk
#include <eddy/file/watch.hpp>              // what changes, as it changes
#include <eddy/file/whole_file.hpp>         // read_text, write_bytes ...
#include <eddy/file/write_atomic.hpp>       // replaced as a whole, and on the disk
