// Watcher: a socket of libcurl's, and the polls that watch it.
//
// One for each socket that is opened, not for each number: a poll that ends late, when the number
// is another socket's, ends nothing of that. Each direction has a poll of one answer, which is
// asked again as long as libcurl wants to know; one that it does not want any more stays, since it
// mostly will want it again: an idle connection costs no request.
#pragma once

#include <eddy/base/internal/counted.hpp>
#include <eddy/base/internal/intrusive.hpp>
#include <eddy/base/internal/pool.hpp>
#include <eddy/core/internal/completion_handler.hpp>

#include <cstdint>

namespace eddy::http::internal {

class ClientState;
struct Host;

class Watcher : public eddy::internal::Pooled, public eddy::internal::Link<Watcher> {
 public:
  Watcher(eddy::internal::Counted<ClientState> client, int fd) noexcept;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher();

  // What libcurl wants to know, as a mask of POLLIN and POLLOUT.
  void want(short events) noexcept;
  // Asks the kernel for what is wanted and not asked for.
  void ask() noexcept;
  // The socket is to be closed: a poll in flight would keep it open. It dies by itself.
  void detach() noexcept;

  // The number is none, or another's: libcurl 7.88 closes what has not connected yet by itself.
  bool closed_unseen() const noexcept;

  Host* host = nullptr;  // to which it goes

  int fd() const noexcept { return fd_; }
  // What came since, as libcurl's CURL_CSELECT_ mask.
  int take_ready() noexcept;

 private:
  struct Side : eddy::internal::CompletionHandler {
    Side(Watcher& watcher, short events) noexcept
        : CompletionHandler(&answered), owner(watcher), asks_for(events) {}
    static void answered(eddy::internal::CompletionHandler& self, int result,
                         std::uint32_t flags) noexcept;
    Watcher& owner;
    short asks_for;
    bool in_flight = false;
  };

  void answered(Side& side, int result) noexcept;
  void ask(Side& side) noexcept;

  eddy::internal::Counted<ClientState> client_;
  int fd_;
  short wanted_ = 0;
  int ready_ = 0;
  bool attached_ = true;
  bool connecting_ = true;  // nothing was to be read yet
  std::uint64_t inode_ = 0;
  Side in_;
  Side out_;
};

}  // namespace eddy::http::internal
