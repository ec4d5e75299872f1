// Rows of io: Reader and Writer, over a stream.
#include "sweeps/sockets.hpp"

#include <eddy/bytes/reader.hpp>
#include <eddy/bytes/writer.hpp>

namespace {

using namespace test;

struct Buffered : Incoming {
  Task<> check() {
    ::shutdown(pair.peer.get(), SHUT_WR);
    got += co_await reader.read_all();
    EXPECT_EQ(got, sent) << "bytes were lost, or came twice";
  }
  Reader<Stream> reader{stream};
};
void wake_to_the_end(Buffered& w) { wake_and_end(w); }

const Rows<Buffered> reading = {
    {"Reader::read_some",
     [](Buffered& w) -> Task<> {
       const std::size_t count = co_await w.reader.read_some(w.buffer);
       w.take(Bytes(w.buffer.data(), count));
     },
     refused},
    {"Reader::read_exactly",
     [](Buffered& w) -> Task<> {
       co_await w.reader.read_exactly(MutableBytes(w.buffer.data(), w.line.size()));
       w.take(Bytes(w.buffer.data(), w.line.size()));
     },
     refused},
    {"Reader::read_until",
     [](Buffered& w) -> Task<> {
       const std::string piece = co_await w.reader.read_until("\n");
       w.got += piece;
     },
     refused},
    {"Reader::readline",
     [](Buffered& w) -> Task<> {
       const std::string piece = co_await w.reader.readline();
       w.got += piece;
     },
     refused},
    {"LinesOf::next of_a_Reader",
     [](Buffered& w) -> Task<> {
       auto lines = w.reader.lines();
       const auto piece = co_await lines.next();
       if (piece) w.got += *piece;
     },
     refused},
    {"Reader::read_all",
     [](Buffered& w) -> Task<> {
       const std::string piece = co_await w.reader.read_all();
       w.got += piece;
     },
     refused, &wake_to_the_end},
    {"Reader::fill", [](Buffered& w) { return only(w.reader.fill()); }, refused},
};

// A Writer with more than its high mark, over a stream without room.
struct Pending : Outgoing {
  Task<> begin() {
    WriterOptions options;
    options.high = 10;
    options.low = 5;
    writer.emplace(stream, options);
    writer->write(message);
    co_await yield();
  }
  // What it has not written is forgotten; its task ends.
  Task<> check() {
    writer.reset();
    for (int i = 0; i < 3; ++i) co_await yield();
    co_await Outgoing::check();
  }
  std::optional<Writer<Stream>> writer;
};

const Rows<Pending> writing = {
    {"Writer::drain", [](Pending& w) -> Task<> { co_await w.writer->drain(); }, together},
    {"Writer::flush",
     [](Pending& w) -> Task<> {
       co_await w.writer->flush();
       w.done = true;
     },
     together},
    {"Writer::close",
     [](Pending& w) -> Task<> {
       co_await w.writer->close();
       w.done = true;
     },
     together},
};

}  // namespace
