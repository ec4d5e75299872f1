// Writes users to JSON files concurrently, reads them back concurrently, and compares.
//
// Run:    examples/run backup_users [DIRECTORY]
// Prints: each file that was written and each user that was read.
#include <eddy/eddy.hpp>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

using namespace eddy;
using nlohmann::json;
using std::filesystem::path;

static const std::vector<json> users = {
    {{"id", 1}, {"name", "Alice"}, {"email", "alice@example.com"}},
    {{"id", 2}, {"name", "Bob"}, {"email", "bob@example.com"}},
    {{"id", 3}, {"name", "Charlie"}, {"email", "charlie@example.com"}},
};

static Task<path> write_user(const json& user, path directory) {
  const path file = directory / ("user_" + std::to_string(user["id"].get<int>()) + ".json");
  const std::string text = user.dump(2);
  co_await write_text(file, text);
  std::cout << "wrote " << file.filename().string() << '\n';
  co_return file;
}

static Task<json> read_user(path file) {
  const std::string text = co_await read_text(file);
  co_return json::parse(text);
}

static Task<int> amain(path directory) {
  co_await fs::makedirs(directory, {.exist_ok = true});
  std::vector<JoinHandle<path>> writes;
  for (const json& user : users) writes.push_back(spawn(write_user(user, directory)));
  std::vector<JoinHandle<json>> reads;
  for (auto& write : writes) reads.push_back(spawn(read_user(co_await write)));
  bool same = true;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const json user = co_await reads[i];
    std::cout << "read " << user["name"].get<std::string>() << '\n';
    same &= user == users[i];
  }
  std::cout << (same ? "all users are as they were\n" : "a user was changed\n");
  co_return same ? 0 : 1;
}

int main(int count, char** arguments) {
  try {
    return run(amain(count > 1 ? arguments[1] : "user_data"), {.handle_sigint = true});
  } catch (const Error& error) {
    std::cerr << "backup_users: " << error.what() << '\n';
    return 1;
  }
}
