// A file on a full device: the write fails, and everything after it goes on.
#include "support/run.hpp"

namespace {

using namespace eddy;

TEST(FullDevice, DoesNotKeepTheFileFromClosingThoughTheWriteIsStillThere) {
  for (const auto policy : {FilePolicy::automatic, FilePolicy::ring, FilePolicy::inline_}) {
    test::run([policy]() -> Task<> {
      File file = co_await open("/dev/full", "w", {.buffering = 0, .policy = policy});
      auto write = file.write("more than there is room for");
      bool failed = false;
      try {
        co_await write;
      } catch (const Error& error) {
        failed = error.code() == std::errc::no_space_on_device;
      }
      EXPECT_TRUE(failed);
      co_await file.close();
    });
  }
}

}  // namespace
