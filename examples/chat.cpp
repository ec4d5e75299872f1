// A chat over lines of text: who connects says a name, and then everybody reads what one writes.
//
// Run:    examples/run chat [ADDRESS]      127.0.0.1:7778, [::]:7778, unix:/tmp/chat ...
//         nc 127.0.0.1 7778
// Prints: where it listens.
//
// /who lists the names, /quit leaves. A line longer than 1 KiB ends its connection, and so does a
// client that does not read what is sent to it: nobody waits for one, and what waits is bounded.
#include <eddy/eddy.hpp>

#include <algorithm>
#include <iostream>
#include <map>

using namespace eddy;
using namespace std::chrono_literals;

constexpr std::size_t line_max = 1024;
constexpr long lines_waiting = 1000;  // for one client, beside what the kernel buffers

struct Member {
  explicit Member(Stream connected) : stream(std::move(connected)) {}

  // Never waits. Who has too much waiting is cut off.
  void tell(const std::string& line) {
    if (!outgoing.try_put(line) && connection) connection->cancel();
  }

  Stream stream;
  std::string name;
  Queue<std::string> outgoing{lines_waiting};
  TaskGroup* connection = nullptr;
};

class Chat {
 public:
  Task<> connection(Stream stream) {
    Member member(std::move(stream));
    co_await task_group([&](TaskGroup& group) -> Task<> {
      member.connection = &group;
      auto writer = group.spawn(write(member));
      co_await talk(member);
      member.outgoing.shutdown();
      static_cast<void>(co_await as_result(timeout(5s, std::move(writer))));  // the last lines
      group.cancel();
    });
  }

 private:
  // In the chat for as long as it lives, however its task ends.
  class Presence {
   public:
    Presence(Chat& chat, Member& member) : chat_(chat), member_(member) {
      chat_.members_.emplace(member.name, &member);
      chat_.tell_others(member, "* " + member.name + " joined\n");
    }
    ~Presence() {
      chat_.members_.erase(member_.name);
      chat_.tell_others(member_, "* " + member_.name + " left\n");
    }

   private:
    Chat& chat_;
    Member& member_;
  };

  // What has come together goes out at once.
  static Task<> write(Member& member) {
    for (;;) {
      auto text = co_await as_result(member.outgoing.get());
      if (!text) co_return;  // shut down, and empty
      while (auto more = member.outgoing.try_get()) *text += *more;
      const auto written = co_await as_result(member.stream.write_all(*text));
      if (!written) co_return;  // the reader finds out as well
    }
  }

  // The next line without its end, and without what would move the cursors of others.
  static Task<std::optional<std::string>> next_line(Member& member) {
    auto line = co_await as_result(member.stream.readline(line_max));
    if (!line && line.error() == std::errc::message_size) member.tell("* that line is too long\n");
    if (!line || line->empty()) co_return std::nullopt;
    std::erase_if(*line, [](unsigned char c) { return c < ' ' || c == 127; });
    co_return std::move(*line);
  }

  Task<> talk(Member& member) {
    member.tell("* your name?\n");
    for (;;) {
      auto name = co_await next_line(member);
      if (!name) co_return;
      member.name = std::move(*name);
      if (is_free(member.name)) break;
      member.tell("* that is taken, or no name: up to 20 characters without a blank\n");
    }
    const Presence presence(*this, member);
    member.tell("* hello " + member.name + '\n');
    for (;;) {
      auto line = co_await next_line(member);
      if (!line || *line == "/quit") co_return;
      if (*line == "/who") {
        for (const auto& [name, other] : members_) member.tell("* " + name + '\n');
      } else if (line->starts_with('/')) {
        member.tell("* there are /who and /quit\n");
      } else if (!line->empty()) {
        tell_others(member, member.name + ": " + *line + '\n');
      }
    }
  }

  bool is_free(const std::string& name) const {
    return !name.empty() && name.size() <= 20 && !name.starts_with('/') &&
           name.find(' ') == std::string::npos && !members_.contains(name);
  }
  void tell_others(const Member& from, const std::string& line) {
    for (const auto& [name, member] : members_) if (member != &from) member->tell(line);
  }

  std::map<std::string, Member*> members_;
};

static Task<> amain(Address address) {
  Chat chat;
  Listener listener = listen(address);
  std::cout << "listening on " << listener.local().format() << std::endl;
  const auto handler = [&](Stream stream) { return chat.connection(std::move(stream)); };
  co_await serve(listener, handler);
}

int main(int argc, char** argv) {
  run(amain(Address::parse(argc > 1 ? argv[1] : "127.0.0.1:7778")), {.handle_sigint = true});
}
