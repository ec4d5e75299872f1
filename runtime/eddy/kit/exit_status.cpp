#include <eddy/kit/exit_status.hpp>

namespace eddy {

std::string ExitStatus::text() const {
  if (!known()) return "unknown";
  if (exited()) return "exit code " + std::to_string(number_);
  return "signal " + std::to_string(number_) + (dumped_core_ ? ", core dumped" : "");
}

}  // namespace eddy
