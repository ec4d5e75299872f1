// Calls that are given a temporary and awaited when it has gone: they have taken its memory over.
#include "net/ends.hpp"
#include "support/directory.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <ranges>

namespace {

using namespace eddy;

constexpr std::string_view text = "what is written";

// Its memory shows when it was used after it had gone, also without a sanitizer.
class Passing {
 public:
  template <class Iterator>
  Passing(Iterator begin, Iterator end) {
    memory_ = all_.emplace_back(new std::string(begin, end)).get();
  }
  Passing(Passing&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}
  ~Passing() { if (memory_) std::ranges::fill(*memory_, '#'); }
  const char* begin() const { return memory_->data(); }
  const char* end() const { return memory_->data() + memory_->size(); }

 private:
  static inline std::vector<std::unique_ptr<std::string>> all_;
  std::string* memory_ = nullptr;
};

Task<std::string> from(Stream& stream) {
  std::string got(text.size(), '-');
  co_await stream.read_exactly(got);
  co_return got;
}
Task<std::string> from(DatagramSocket& socket) {
  std::string got(text.size(), '-');
  co_await socket.receive(got);
  co_return got;
}

template <class Memory>
struct Later {
  static Memory made() { return Memory(text.begin(), text.end()); }

  static Task<> stream_write() {
    test::Ends ends;
    auto call = ends.a.write(made());
    EXPECT_EQ(co_await std::move(call), text.size());
    EXPECT_EQ(co_await from(ends.b), text);
  }
  static Task<> write_all() {
    test::Ends ends;
    auto call = ends.a.write_all(made());
    co_await std::move(call);
    EXPECT_EQ(co_await from(ends.b), text);
  }
  static Task<> write_all_spawned() {
    test::Ends ends;
    auto task = spawn(ends.a.write_all(made()));
    co_await task;
    EXPECT_EQ(co_await from(ends.b), text);
  }
  static Task<> write_vectored() {
    test::Ends ends;
    const auto memory = made();
    auto call = ends.a.write_vectored(std::vector<Bytes>(1, Bytes(memory)));
    co_await std::move(call);
    EXPECT_EQ(co_await from(ends.b), text);
  }
  static Task<> send_zero_copy() {
    test::TcpEnds ends;
    co_await test::connect_ends(ends);
    auto call = ends.a.send_zero_copy(made());
    co_await std::move(call);
    EXPECT_EQ(co_await from(ends.b), text);
  }
  static Task<> send() {
    auto [a, b] = UnixDatagram::pair();
    auto call = a.send(made());
    co_await std::move(call);
    EXPECT_EQ(co_await from(b), text);
  }
  static Task<> send_to() {
    auto a = UdpSocket::bind(Address::loopback(0));
    auto b = UdpSocket::bind(Address::loopback(0));
    auto call = a.send_to(made(), b.local());
    co_await std::move(call);
    EXPECT_EQ(co_await from(b), text);
  }
  static Task<> send_with() {
    auto [a, b] = UnixDatagram::pair();
    const int descriptor = STDERR_FILENO;
    auto call = a.send_with(made(), std::span(&descriptor, 1));
    co_await std::move(call);
    EXPECT_EQ(co_await from(b), text);
  }
  static Task<> send_with_to() {
    test::Directory directory;
    auto a = UnixDatagram::open();
    auto b = UnixDatagram::bind(Address::unix_path(directory.path("b")));
    auto call = a.send_with_to(made(), {}, b.local());
    co_await std::move(call);
    EXPECT_EQ(co_await from(b), text);
  }
  static Task<> into_a_file(Task<std::size_t> (*write)(File&)) {
    test::Directory directory;
    auto file = co_await open(directory.path("a"), "wb");
    auto call = write(file);
    EXPECT_EQ(co_await std::move(call), text.size());
    co_await file.close();
    EXPECT_EQ(directory.read("a"), text);
  }
  static Task<> file_write() {
    return into_a_file([](File& file) { return file.write(made()); });
  }
  static Task<> write_at() {
    return into_a_file([](File& file) { return file.write_at(made(), 0); });
  }
  static Task<> writelines() {
    test::Directory directory;
    auto file = co_await open(directory.path("a"), "wb");
    const auto lines = [] {
      std::vector<Memory> all;
      all.push_back(made());
      return all;
    };
    auto call = file.writelines(lines());
    co_await std::move(call);
    co_await file.close();
    EXPECT_EQ(directory.read("a"), text);
  }
  static Task<> whole() {
    test::Directory directory;
    auto task = spawn(write_bytes(directory.path("a"), made()));
    co_await task;
    EXPECT_EQ(directory.read("a"), text);
  }
  static Task<> atomic() {
    test::Directory directory;
    auto call = write_atomic(directory.path("a"), made());
    co_await std::move(call);
    EXPECT_EQ(directory.read("a"), text);
  }

  struct Row {
    const char* name;
    Task<> (*call)();
  };
  static constexpr Row rows[] = {
      {"Stream::write", &stream_write},
      {"Stream::write_all", &write_all},
      {"Stream::write_all spawned", &write_all_spawned},
      {"Stream::write_vectored", &write_vectored},
      {"Stream::send_zero_copy", &send_zero_copy},
      {"DatagramSocket::send", &send},
      {"DatagramSocket::send_to", &send_to},
      {"UnixDatagram::send_with", &send_with},
      {"UnixDatagram::send_with_to", &send_with_to},
      {"File::write", &file_write},
      {"File::write_at", &write_at},
      {"File::writelines", &writelines},
      {"write_bytes", &whole},
      {"write_atomic", &atomic},
  };
};

template <class Memory>
class Temporaries : public testing::Test {};
using Memories = testing::Types<Passing, std::string, std::vector<char>>;
TYPED_TEST_SUITE(Temporaries, Memories);

TYPED_TEST(Temporaries, AreTakenOverByCallsThatAreStored) {
  for (const auto& row : Later<TypeParam>::rows) {
    SCOPED_TRACE(row.name);
    test::run(row.call);
  }
}

TEST(Views, AreTakenAsTheyAre) {
  test::Ends ends;
  std::string named(text);
  using View = decltype(ends.a.write_all(named));
  static_assert(std::same_as<View, decltype(ends.a.write_all("a literal"))>);
  static_assert(std::same_as<View, decltype(ends.a.write_all(text))>);
  static_assert(std::same_as<View, decltype(ends.a.write_all(std::string_view(named)))>);
  static_assert(std::same_as<View, decltype(ends.a.write_all(std::span(named)))>);
  static_assert(std::same_as<View, decltype(ends.a.write_all(Bytes(named)))>);
  static_assert(std::same_as<View, decltype(ends.a.write_all(MutableBytes(named)))>);
  static_assert(!std::same_as<View, decltype(ends.a.write_all(std::move(named)))>);
}

// The call is made in a function that has returned when it is awaited.
Task<> pieces(Stream& stream) {
  return stream.write_vectored({Bytes("what is "), Bytes("written")});
}
Task<> owning_view(Stream& stream) {
  return stream.write_all(std::views::all(std::string(text)));
}
Task<> descriptors(UnixDatagram& socket) {
  return socket.send_with(std::string(text), std::vector<int>(1, STDIN_FILENO));
}
Task<> descriptors_beside_a_view(UnixDatagram& socket) {
  return socket.send_with(text, std::vector<int>(1, STDIN_FILENO));
}

// What could only be garbage later is refused.
template <class... Texts>
concept Delimits = requires(Stream& stream, Texts... texts) {
  stream.read_until({std::forward<Texts>(texts)...});
};
template <class Part>
concept GoesInBraces = requires(Stream& stream, Part part) {
  stream.write_vectored({std::forward<Part>(part), Bytes()});
};
static_assert(Delimits<std::string&> && Delimits<std::string_view> && Delimits<const char*>);
static_assert(!Delimits<std::string> && !Delimits<const char*, std::string>);
static_assert(GoesInBraces<std::string&> && GoesInBraces<Bytes> && GoesInBraces<const char*>);
static_assert(!GoesInBraces<std::string>);

TEST(Views, ThatOwnTheirMemoryAreTakenOverAsBracesAndDescriptorsAre) {
  test::run([]() -> Task<> {
    test::Ends ends;
    for (Task<> (*call)(Stream&) : {&pieces, &owning_view}) {
      Task<> stored = call(ends.a);
      co_await std::move(stored);
      EXPECT_EQ(co_await from(ends.b), text);
    }
    auto [a, b] = UnixDatagram::pair();
    for (Task<> (*call)(UnixDatagram&) : {&descriptors, &descriptors_beside_a_view}) {
      Task<> stored = call(a);
      co_await std::move(stored);
      std::string got(text.size(), '-');
      std::array<UniqueFd, 1> places;
      EXPECT_EQ((co_await b.receive_with(got, places)).descriptors, 1u);
      EXPECT_EQ(got, text);
    }
  });
}

TEST(Views, OfRoomAreNotMadeOfTemporaries) {
  static_assert(std::constructible_from<MutableBytes, std::string&>);
  static_assert(std::constructible_from<MutableBytes, std::span<char>>);
  static_assert(!std::constructible_from<MutableBytes, std::string>);
  static_assert(!std::constructible_from<MutableBytes, std::vector<std::byte>>);
}

TEST(TemporariesOfAFailedCall, AreFreedWithIt) {
  test::run([]() -> Task<> {
    test::Ends ends;
    std::string kept(100, 'x');
    auto call = ends.a.write_all(std::move(kept));
    co_await ends.a.close();
    const auto result = co_await as_result(std::move(call));
    EXPECT_FALSE(result);
  });
}

}  // namespace
