// Says where a server listens, and lets it serve until SIGINT or SIGTERM: the first lets the
// connections go on for a while, a second one ends that.
#pragma once

#include "connection.hpp"

#include <csignal>
#include <iostream>

namespace http {

inline eddy::Task<> stop_on_signals(Site& site, eddy::JoinHandle<> serving) {
  eddy::Signals signals({SIGINT, SIGTERM});
  for (;;) {
    co_await signals.next();
    site.stopping = true;
    serving.cancel();
  }
}

inline eddy::Task<> until_stopped(Site& site, eddy::Listener& listener, eddy::Task<> serves) {
  auto serving = eddy::spawn(std::move(serves));
  const auto stopper = eddy::spawn(stop_on_signals(site, serving), {.eager = true});
  std::cout << "listening on " << listener.local().format() << std::endl;
  static_cast<void>(co_await eddy::as_outcome(serving));
}

}  // namespace http
