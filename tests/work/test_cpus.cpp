#include "support/directory.hpp"

#include <eddy/work/cpus.hpp>

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <string>
#include <thread>

namespace {

using namespace eddy;

class Groups {
 public:
  void set(const std::string& group, const std::string& name, const std::string& value) {
    std::filesystem::create_directories(directory_.path("root" + group));
    directory_.write("root" + group + "/" + name, value);
  }
  unsigned cpus(const std::string& membership) {
    directory_.write("membership", membership);
    return internal::control_group_cpus(directory_.path("membership").c_str(),
                                        directory_.path("root").c_str());
  }

 private:
  test::Directory directory_;
};

TEST(Cpus, AreThoseOfTheAffinity) {
  unsigned alone = 0;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    alone = available_cpus();
  }).join();
  EXPECT_EQ(alone, 1u);
  EXPECT_GE(available_cpus(), 1u);
  EXPECT_LE(available_cpus(), std::thread::hardware_concurrency());
}

TEST(Cpus, AreNoMoreThanTheQuotaOfAnyControlGroupAbove) {
  Groups groups;
  groups.set("/a/b", "cpu.max", "350000 100000\n");
  EXPECT_EQ(groups.cpus("0::/a/b\n"), 4u) << "rounded up";
  groups.set("/a", "cpu.max", "150000 100000\n");
  EXPECT_EQ(groups.cpus("0::/a/b\n"), 2u);
  groups.set("", "cpu.max", "50000 100000\n");
  EXPECT_EQ(groups.cpus("0::/a/b\n"), 1u);
  EXPECT_EQ(groups.cpus("0::/\n"), 1u) << "in a container";
}

TEST(Cpus, AreLimitedByTheFirstVersionOfControlGroupsToo) {
  Groups groups;
  groups.set("/cpu/docker/1", "cpu.cfs_quota_us", "200000\n");
  groups.set("/cpu/docker/1", "cpu.cfs_period_us", "100000\n");
  groups.set("/cpu", "cpu.cfs_quota_us", "-1\n");
  groups.set("/cpu", "cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(groups.cpus("5:cpuset:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/docker/1\n"), 2u);
  EXPECT_EQ(groups.cpus("5:cpuset:/docker/1\n"), 0u);
}

TEST(Cpus, AreNotLimitedByWhatSetsNoLimit) {
  Groups groups;
  groups.set("/a", "cpu.max", "max 100000\n");
  EXPECT_EQ(groups.cpus("0::/a\n"), 0u);
  EXPECT_EQ(groups.cpus("0::/../elsewhere\n"), 0u);
  for (const char* odd : {"", "\n", ":", "::", "0:", "0::", "text", "0::/a/b/c/d"}) {
    EXPECT_EQ(groups.cpus(odd), 0u) << odd;
  }
  groups.set("/a", "cpu.max", "999999999999 1\n");
  EXPECT_EQ(groups.cpus("0::/a\n"), 1u << 20);
  groups.set("/a", "cpu.max", "100000\n");
  EXPECT_EQ(groups.cpus("0::/a\n"), 0u);
}

}  // namespace
