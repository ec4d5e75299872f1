// The standard streams as Files: whatever stands behind the descriptors 0, 1 and 2 at the call, a
// terminal, a pipe or a file. None is ever closed, and none made non-blocking, which whoever shares
// it would notice. A terminal or a pipe that has nothing holds the task, and neither the loop nor a
// thread.
#pragma once

#include <eddy/file/file.hpp>

namespace eddy {

// What was read ahead when a File of it is closed or dropped is not lost: the next one begins with
// it, or where that stood. One at a time: two would take turns at who reads ahead.
File stdin_file();
// Unbuffered.
File stdout_file();
File stderr_file();

}  // namespace eddy
