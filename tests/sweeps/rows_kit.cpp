// Rows of kit: servers, hosts by name, and calls that block.
#include "sweeps/sockets.hpp"

#include <eddy/kit/connect.hpp>
#include <eddy/kit/resolve.hpp>
#include <eddy/kit/serve.hpp>
#include <eddy/work/internal/blocking_calls.hpp>

#include <semaphore>

namespace {

using namespace test;

Task<> wait_for_more(Stream stream) {
  char byte;
  while (co_await stream.read_some(MutableBytes(&byte, 1)) > 0) {
  }
}

const Rows<Served> serving = {
    {"serve", [](Served& w) { return serve(w.listener, &wait_for_more); }, apart},
    {"serve one_at_a_time",
     [](Served& w) {
       ServeOptions options;
       options.limit = 1;
       return serve(w.listener, &wait_for_more, options);
     },
     apart},
    {"serve with_time_to_drain",
     [](Served& w) {
       ServeOptions options;
       options.drain = 5ms;
       return serve(w.listener, &wait_for_more, options);
     },
     apart},
};

struct Host {
  Host() {
    listener.bind(Address::loopback(0));
    listener.listen(8);
    where = listener.local();
  }
  Socket listener{AF_INET, SOCK_STREAM};
  Address where;
};

const Rows<Host> hosts = {
    {"connect to_a_list",
     [](Host& w) { return only(connect(std::vector<Address>(2, w.where))); }, by_itself},
    {"connect to_an_address_in_text",
     [](Host& w) { return only(connect("127.0.0.1", w.where.port())); }, by_itself},
    {"connect to_a_name",
     [](Host& w) { return only(connect("localhost", std::to_string(w.where.port()))); },
     by_itself},
    {"resolve", [](Host&) { return only(resolve("localhost", std::uint16_t{80})); }, by_itself},
    {"resolve a_service", [](Host&) { return only(resolve("127.0.0.1", "80")); }, by_itself},
};

// Calls that block their thread until they are let go.
struct Blocking {
  using Gate = std::counting_semaphore<>;
  class Call : public BlockingCall {
   public:
    explicit Call(std::shared_ptr<Gate> gate) noexcept : gate_(std::move(gate)) {}
    void run() noexcept override { gate_->acquire(); }

   private:
    std::shared_ptr<Gate> gate_;
  };
  ~Blocking() { gate->release(2); }  // what was cancelled or never woken, so that its thread ends
  void wake() { gate->release(2); }
  std::shared_ptr<Gate> gate = std::make_shared<Gate>(0);
};
const Rows<Blocking> blocking = {
    {"WaitForCall",
     [](Blocking& w) { return only(WaitForCall(std::make_shared<Blocking::Call>(w.gate))); },
     together}};

}  // namespace
