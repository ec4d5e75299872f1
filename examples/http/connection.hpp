// Connection: answers the requests of one client, in their order, over a stream of bytes: a Stream,
// or a tls::Stream. Its members stand in connection_members.hpp, for the one who instantiates it.
#pragma once

#include "answer.hpp"
#include "request.hpp"
#include "root.hpp"
#include "target.hpp"

#include <eddy/eddy.hpp>

namespace http {

// What all connections share.
struct Site {
  Root root;
  eddy::Duration patience = std::chrono::seconds(10);  // for a whole request, and for each write
  bool stopping = false;                               // each connection ends with its next answer
  Limits limits = {};
};

template <class Stream>
class Connection {
 public:
  Connection(Stream stream, const Site& site)
      : stream_(std::move(stream)), site_(site), request_(site.limits) {}

  // Resumes when the connection is over.
  eddy::Task<> run();

 private:
  // The longest part of a file that is sent together with its head, and with other answers.
  static constexpr std::uint64_t small = 32 * 1024;
  // What is sent within site_.patience, and what is collected before it is sent.
  static constexpr std::uint64_t portion = 256 * 1024;
  static constexpr std::size_t batch = 64 * 1024;

  void take();
  eddy::Task<> receive();
  eddy::Task<> flush();
  eddy::Task<> linger();
  eddy::Task<> answer();
  eddy::Task<> answer_file(std::string_view path);
  eddy::Task<> append_content(Found& found, Part part, std::size_t head);
  eddy::Task<> send_content(Found& found, Part part);
  void refuse_part(const Validators& file, Part part);
  void answer_hello(std::string_view query);
  void answer_length();

  bool is(verb method) const { return request_.method() == method; }
  bool is_head() const { return is(verb::head); }
  bool allows_get();
  Answer head(int status, std::string_view type) const;
  void answer_with(int status, std::string_view type, std::string_view content,
                   std::string_view allow = {});
  void refuse(int status, std::string_view allow = {});
  void give_up(int status);

  Stream stream_;
  const Site& site_;
  Request request_;
  std::string out_;   // answers that wait for being sent
  std::string text_;  // a decoded path or value
  std::optional<eddy::Instant> deadline_;  // of the request that is on its way
  bool keep_alive_ = true;  // after this answer
  bool broken_ = false;     // nothing more can be sent
  bool lingers_ = false;    // the client may still be sending
};

// The handler of serve().
eddy::Task<> converse(eddy::Stream stream, const Site& site);

}  // namespace http
