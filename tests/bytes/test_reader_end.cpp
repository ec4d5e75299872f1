// A Reader over files and pipes, cancelled at every turn: no byte is lost (C1, C13).
#include "core/kernel.hpp"
#include "net/ends.hpp"
#include "file/policies.hpp"

namespace {

using namespace eddy;
using test::Pipe;
using test::wait_until_done;

const std::string text = "a first line\nand a second, longer one\n" + test::pattern(3000) + "\nend";

// Each appends what it took.
using FileReader = Reader<File>;
struct Verb {
  const char* name;
  Task<> (*run)(FileReader& reader, std::string& got);
};
const Verb verbs[] = {
    {"read_some",
     [](FileReader& reader, std::string& got) -> Task<> {
       char buffer[7];
       for (;;) {
         const std::size_t size = co_await reader.read_some(buffer);
         if (size == 0) break;
         got.append(buffer, size);
       }
     }},
    {"read_exactly",
     [](FileReader& reader, std::string& got) -> Task<> {
       std::string part(2000, '\0');
       co_await reader.read_exactly(part);
       got += part;
     }},
    {"readline",
     [](FileReader& reader, std::string& got) -> Task<> { got += co_await reader.readline(); }},
    {"lines",
     [](FileReader& reader, std::string& got) -> Task<> {
       auto lines = reader.lines();
       std::string line;
       for (;;) {
         const bool there = co_await lines.next_into(line);
         if (!there) break;
         got += line;
       }
     }},
    {"read_until",
     [](FileReader& reader, std::string& got) -> Task<> {
       got += co_await reader.read_until("longer");
     }},
    {"read_all",
     [](FileReader& reader, std::string& got) -> Task<> { got += co_await reader.read_all(); }},
    {"fill",
     [](FileReader& reader, std::string&) -> Task<> {
       for (;;) {
         const std::size_t size = co_await reader.fill();
         if (size == 0) break;
       }
     }},
};

// Reads all at once, or little by little.
constexpr std::size_t capacities[] = {FileReader::default_capacity, 5};

class ReaderEnd : public test::EveryPolicy {};
INSTANTIATE_TEST_SUITE_P(Policy, ReaderEnd, test::every_policy(), test::name_of_policy);

TEST_P(ReaderEnd, LosesNoByteOfAFile) {
  directory.write("f", text);
  for (const Verb& verb : verbs) {
    for (const std::size_t capacity : capacities) {
      for (int turns = 0; turns < 12; ++turns) {
        run([&]() -> Task<> {
          File file = co_await open(path("f"), "rb");
          FileReader reader(file, capacity);
          std::string got;
          auto task = spawn(verb.run(reader, got));
          for (int i = 0; i < turns; ++i) co_await yield();
          task.cancel();
          co_await wait_until_done(task);
          got += co_await reader.read_all();
          EXPECT_TRUE(got == text) << verb.name << ' ' << capacity << ' ' << turns;
          co_await file.close();
        });
      }
    }
  }
}

// What is there when it begins, and what comes while it waits: before the turn of the cancel, in
// it, and after it.
TEST_P(ReaderEnd, LosesNoByteOfAPipe) {
  const std::string_view half = std::string_view(text).substr(0, 1500);
  const std::string_view rest = std::string_view(text).substr(1500);
  for (const Verb& verb : verbs) {
    for (const std::size_t capacity : capacities) {
      for (const int buffering : {0, -1}) {
        for (int turns = 0; turns < 8; ++turns) {
          for (int put = -1; put <= turns; ++put) {
            run([&]() -> Task<> {
              Pipe pipe;
              File file = File::adopt(pipe.out.get(), "rb", false, {.buffering = buffering});
              FileReader reader(file, capacity);
              std::string got;
              if (put == -1) pipe.put(half);
              auto task = spawn(verb.run(reader, got));
              for (int i = 0; i < turns; ++i) {
                if (put == i) pipe.put(half);
                co_await yield();
              }
              if (put == turns) pipe.put(half);
              task.cancel();
              co_await wait_until_done(task);
              pipe.put(rest);
              pipe.in.reset();
              got += co_await reader.read_all();
              EXPECT_TRUE(got == text)
                  << verb.name << ' ' << capacity << ' ' << turns << ' ' << put;
              co_await file.close();
            });
          }
        }
      }
    }
  }
}

// F02: the loop ends under it. What it has read it keeps, and the pipe has the rest.
TEST_P(ReaderEnd, LosesNoByteWhenItsLoopCloses) {
  for (const Verb& verb : verbs) {
    for (int turns = 0; turns < 8; ++turns) {
      for (int put = -1; put <= turns; ++put) {
        Pipe pipe;
        std::optional<File> file;
        std::optional<FileReader> reader;
        std::optional<TaskHandle> task;
        std::string got;
        run([&]() -> Task<> {
          file = File::adopt(pipe.out.get(), "rb", false, {.buffering = 0});
          reader.emplace(*file);
          if (put == -1) pipe.put(text);
          task = spawn(verb.run(*reader, got));
          for (int i = 0; i < turns; ++i) {
            if (put == i) pipe.put(text);
            co_await yield();
          }
          if (put == turns) pipe.put(text);
        });
        EXPECT_TRUE(task->done());
        got += reader->buffered().text();
        pipe.in.reset();
        std::string rest(2 * text.size(), '\0');
        const auto size = ::read(pipe.out.get(), rest.data(), rest.size());
        EXPECT_GE(size, 0);
        got.append(rest, 0, static_cast<std::size_t>(size));
        EXPECT_TRUE(got == text) << verb.name << ' ' << turns << ' ' << put;
      }
    }
  }
}

}  // namespace
