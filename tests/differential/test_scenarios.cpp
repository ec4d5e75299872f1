// Runs every scenario on eddy and on Python's asyncio, and compares what happened.
#include "scenario.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <map>

namespace scenario {

std::vector<Scenario>& all() {
  static std::vector<Scenario> scenarios;
  return scenarios;
}

static Instant began;

long now() {
  const auto passed = Loop::current().now() - began;
  return std::chrono::round<std::chrono::milliseconds>(passed).count();
}

namespace {

// What Python says, by scenario; empty when it fails.
const std::map<std::string, std::string>& python() {
  static const auto logs = [] {
    std::map<std::string, std::string> logs;
    std::FILE* output = ::popen("python3 '" SCENARIOS_PY "' 2>/dev/null", "r");
    if (!output) return logs;
    char line[4096];
    while (std::fgets(line, sizeof line, output)) {
      std::string text(line);
      while (!text.empty() && text.back() == '\n') text.pop_back();
      const auto colon = text.find(": ");
      if (colon != std::string::npos) logs[text.substr(0, colon)] = text.substr(colon + 2);
    }
    if (::pclose(output) != 0) logs.clear();
    return logs;
  }();
  return logs;
}

class Differential : public testing::TestWithParam<Scenario> {};

TEST_P(Differential, LogsWhatPythonLogs) {
  Log log;
  Loop loop({.virtual_time = true});
  began = loop.now();
  try {
    loop.run(GetParam().body(log));
  } catch (const std::exception& exception) {
    log(std::string("escaped ") + exception.what());
  } catch (const Cancelled&) {
    log("escaped Cancelled");
  }
  ASSERT_FALSE(python().empty()) << "scenarios.py failed; it needs Python 3.11 or newer";
  const auto expected = python().find(GetParam().name);
  ASSERT_NE(expected, python().end()) << "scenarios.py does not have it";
  EXPECT_EQ(log.text(), expected->second);
}

INSTANTIATE_TEST_SUITE_P(Scenario, Differential, testing::ValuesIn(all()),
                         [](const auto& info) { return std::string(info.param.name); });

// A scenario that only one side has would compare nothing.
TEST(Scenarios, AreTheSameSetInBothLanguages) {
  ASSERT_FALSE(python().empty()) << "scenarios.py failed; it needs Python 3.11 or newer";
  EXPECT_GE(all().size(), 60u);
  EXPECT_EQ(all().size(), python().size());
}

}  // namespace
}  // namespace scenario
