// What an exchange does for the request's body while it goes out.
#include <eddy/core/try.hpp>
#include <eddy/http/internal/client_state.hpp>
#include <eddy/http/internal/exchange.hpp>
#include <eddy/http/internal/transfer.hpp>

#include <utility>

namespace eddy::http::internal {
using namespace eddy::internal;

Task<> Exchange::prepare(Exchange& self) {
  self.enter(Phase::send);
  EDDY_DO(work_on_upload(self, &Upload::prepare));
  self.prepared_ = true;
}

Task<> Exchange::feed(Exchange& self) {
  EDDY_DO(work_on_upload(self, &Upload::feed));
  const bool running = self.stage_ == Stage::running && self.sending_paused_;
  if (running && !self.out_.upload->starved()) Transfer::resume_sending(self);
}

namespace {

// However the scope ends: a step that no memory is there for does not even begin.
class Forgetting {
 public:
  explicit Forgetting(Timeout*& scope) noexcept : scope_(scope) {}
  Forgetting(const Forgetting&) = delete;
  Forgetting& operator=(const Forgetting&) = delete;
  ~Forgetting() { scope_ = nullptr; }

 private:
  Timeout*& scope_;
};

}  // namespace

// Until it is done, or wake() finds that something else is.
Task<> Exchange::work_on_upload(Exchange& self, Task<> (*step)(Counted<Upload>)) {
  const auto begin = [&self, step](Timeout& scope) {
    self.feeding_ = &scope;
    return step(self.out_.upload);
  };
  const Forgetting forgetting(self.feeding_);
  auto done = co_await as_outcome(timeout_at(std::nullopt, begin));
  const bool woken = !std::exchange(self.feeding_, nullptr);
  if (done) co_return;
  if (done.error().is_cancelled()) co_await fail(std::move(done.error()));
  if (!woken) self.fail_by(done.error());
}

}  // namespace eddy::http::internal
