// LocalSite: a web site of the program's own, on another thread with a loop of its own, so that an
// example of a client needs no network: it answers by HTTP/1.1, and keeps connections.
//
//   LocalSite site([](const LocalSite::Request& request) { return LocalSite::Page("hello\n"); });
//   co_await client.get(site.url("/page"));
//
// What makes the pages is called on the site's thread. The site ends with the object, whatever its
// connections are doing.
#pragma once

#include <eddy/eddy.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

class LocalSite {
 public:
  struct Request {
    std::string method;
    std::string path;  // with its query
    std::string body;
  };
  struct Page {
    explicit Page(std::string body, int status = 200) : body(std::move(body)), status(status) {}

    std::string body;
    int status;
    bool stalls = false;        // nothing comes, until the client goes away
    eddy::AnyDuration after{};  // so long nothing comes
  };
  using Pages = std::function<Page(const Request&)>;

  explicit LocalSite(Pages pages) : pages_(std::move(pages)) {
    std::promise<int> listening;
    auto port = listening.get_future();
    thread_ = std::jthread([this, &listening] { eddy::run(serve(listening)); });
    url_ = "http://127.0.0.1:" + std::to_string(port.get());
  }
  LocalSite(const LocalSite&) = delete;
  LocalSite& operator=(const LocalSite&) = delete;
  ~LocalSite() {
    loop_->post([this] { serving_.cancel(); });
  }

  std::string url(std::string_view path = "") const { return url_ + std::string(path); }

  // Connections that were open at one time, and requests that were under way; all that there were.
  std::size_t peak() const { return peak_; }
  std::size_t busiest() const { return busiest_; }
  std::size_t connections() const { return connections_; }
  std::size_t requests() const { return requests_; }

 private:
  eddy::Task<> serve(std::promise<int>& listening) {
    eddy::Listener listener = eddy::listen(eddy::Address::parse("127.0.0.1:0"));
    loop_ = &eddy::Loop::current();
    const auto client = [this](eddy::Stream stream) { return converse(std::move(stream)); };
    serving_ = eddy::spawn(eddy::serve(listener, client));
    listening.set_value(listener.local().port());
    static_cast<void>(co_await eddy::as_outcome(serving_));
    serving_ = {};
  }

  // What comes of a client that goes away is the client's business.
  eddy::Task<> converse(eddy::Stream stream) {
    Place place(*this, stream.socket().fileno());
    bool goes_on = true;
    while (goes_on) {
      const auto answered = co_await eddy::as_result(answer(stream, place));
      goes_on = answered && *answered;
    }
  }

  // An open connection.
  class Place {
   public:
    Place(LocalSite& site, int fd) : site_(site), fd_(fd) {
      site_.open_.push_back(this);
      ++site_.connections_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { std::erase(site_.open_, this); }

    void begin_request() {
      busy = true;
      ++site_.requests_;
      site_.note_peak();
    }
    // The client may have closed it, although its task has not heard of that yet.
    bool is_open() const {
      char byte;
      return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
    }
    bool busy = false;

   private:
    LocalSite& site_;
    int fd_;
  };
  void note_peak() {
    std::size_t open = 0, busy = 0;
    for (const Place* place : open_) {
      if (!place->is_open()) continue;
      ++open;
      busy += place->busy ? 1 : 0;
    }
    peak_ = std::max(peak_.load(), open);
    busiest_ = std::max(busiest_.load(), busy);
  }

  // One request; false when there is none any more.
  eddy::Task<bool> answer(eddy::Stream& stream, Place& place) {
    const std::string head = co_await stream.read_until("\r\n\r\n", 8192);
    Request request;
    const auto blank = head.find(' ');
    request.method = head.substr(0, blank);
    request.path = head.substr(blank + 1, head.find(' ', blank + 1) - blank - 1);
    request.body.resize(length_in(head));
    co_await stream.read_exactly(request.body);
    place.begin_request();
    const Page page = pages_(request);
    if (page.stalls) {
      static_cast<void>(co_await stream.fill());
      co_return false;
    }
    if (eddy::Duration(page.after) > eddy::Duration::zero()) co_await eddy::sleep(page.after);
    std::string text = "HTTP/1.1 " + std::to_string(page.status) + " " + reason(page.status) +
                       "\r\nContent-Length: " + std::to_string(page.body.size()) + "\r\n\r\n";
    if (request.method != "HEAD") text += page.body;
    place.busy = false;  // before the client can know
    co_await stream.write_all(text);
    co_return true;
  }

  static std::size_t length_in(std::string_view head) {
    constexpr std::string_view name = "\r\ncontent-length:";
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
    const auto at = std::search(head.begin(), head.end(), name.begin(), name.end(), same);
    return at == head.end() ? 0 : std::stoul(std::string(at + name.size(), head.end()));
  }
  static std::string reason(int status) {
    if (status == 404) return "Not Found";
    if (status == 500) return "Internal Server Error";
    if (status == 503) return "Service Unavailable";
    return status == 200 ? "OK" : "Status";
  }

  Pages pages_;
  std::string url_;
  eddy::Loop* loop_ = nullptr;  // these are the site's thread's, once it listens
  eddy::JoinHandle<> serving_;
  std::vector<Place*> open_;
  std::atomic<std::size_t> peak_ = 0, busiest_ = 0, connections_ = 0, requests_ = 0;
  std::jthread thread_;  // last: joined before the rest goes
};
