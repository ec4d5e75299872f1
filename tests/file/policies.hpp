// A test that runs with every policy: where an operation runs must not change what it does. Each
// has a directory of its own, and leaves no descriptor open.
#pragma once

#include "support/directory.hpp"
#include "support/run.hpp"

#include <string>

namespace test {

class EveryPolicy : public testing::TestWithParam<eddy::FilePolicy> {
 protected:
  template <class F>
  void run(F&& body, eddy::LoopOptions options = {}) {
    options.file_policy = GetParam();
    const auto before = open_descriptors();
    test::run(body, options);
    EXPECT_EQ(open_descriptors_in_the_end(before), before) << "a descriptor was left open";
  }
  std::string path(const std::string& name) const { return directory.path(name); }

  Directory directory;
};

inline std::string name_of_policy(const testing::TestParamInfo<eddy::FilePolicy>& info) {
  if (info.param == eddy::FilePolicy::automatic) return "Automatic";
  return info.param == eddy::FilePolicy::ring ? "Ring" : "Inline";
}

inline auto every_policy() {
  using eddy::FilePolicy;
  return testing::Values(FilePolicy::automatic, FilePolicy::ring, FilePolicy::inline_);
}

}  // namespace test
