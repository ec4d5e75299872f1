// What the fuzzers start from, and what they found.
#include "fuzz.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

std::vector<std::string> corpus(const char* name) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(CORPUS "/" + std::string(name))) {
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

TEST(Corpus, OfAddressesIsParsedAndWrittenAlike) {
  const auto files = corpus("address");
  EXPECT_GT(files.size(), 10u);
  for (const auto& text : files) fuzz::address(text);
}

#ifdef WITH_HTTP
TEST(Corpus, OfRequestsIsParsedAlikeHoweverItIsSplit) {
  const auto files = corpus("request");
  EXPECT_GT(files.size(), 10u);
  for (const auto& input : files) {
    fuzz::request(input);
    const auto text = std::string_view(input).substr(std::min<std::size_t>(2, input.size()));
    for (std::size_t at = 0; at <= text.size(); ++at) fuzz::request_split(text, at);
  }
}
#endif

#ifdef WITH_TLS
TEST(Corpus, OfRecordsIsAnErrorOrTheTextThatWasSent) {
  const auto files = corpus("records");
  EXPECT_GT(files.size(), 10u);
  for (const auto& input : files) {
    for (const char kind : {'\0', '\1', '\2', '\3'}) fuzz::records(kind + input.substr(1));
  }
}
#endif

}  // namespace
