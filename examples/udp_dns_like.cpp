// Answers DNS questions for IPv4 addresses over UDP, from a small table.
//
// Run:    examples/run udp_dns_like [ADDRESS [NAME=IP | FILE]...]   FILE is as /etc/hosts
//         examples/run udp_dns_like 127.0.0.1:5353 printer.lan=10.0.0.7 /etc/hosts
//         dig @127.0.0.1 -p 5353 printer.lan
// Prints: where it listens.
#include <eddy/eddy.hpp>

#include <arpa/inet.h>

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

using namespace eddy;

// Names in lower case.
using Zone = std::map<std::string, std::vector<in_addr>, std::less<>>;

enum Code : unsigned { no_error = 0, malformed = 1, no_such_name = 3, not_implemented = 4 };

static constexpr std::size_t header_size = 12, reply_max = 512;

static unsigned number_at(std::string_view message, std::size_t at) {
  return static_cast<unsigned char>(message[at]) << 8 |
         static_cast<unsigned char>(message[at + 1]);
}

static void append(std::string& reply, unsigned number) {
  reply += static_cast<char>(number >> 8 & 0xff);
  reply += static_cast<char>(number & 0xff);
}

// The byte is a letter of ASCII only if it is one in every locale.
static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

struct Question {
  std::string name;
  unsigned type = 0, of_class = 0;
  std::size_t end = 0;  // in the message
};

// No value where it is cut off, too long, or refers to somewhere else.
static std::optional<Question> parse_question(std::string_view message) {
  Question question;
  std::size_t at = header_size;
  for (;;) {
    if (at >= message.size()) return {};
    const std::size_t length = static_cast<unsigned char>(message[at++]);
    if (length == 0) break;
    if (length > 63 || length > message.size() - at) return {};
    if (!question.name.empty()) question.name += '.';
    for (const char c : message.substr(at, length)) question.name += lower(c);
    at += length;
    if (at - header_size > 254) return {};
  }
  if (message.size() - at < 4) return {};
  question.type = number_at(message, at);
  question.of_class = number_at(message, at + 2);
  question.end = at + 4;
  return question;
}

static std::string header_of(std::string_view query, unsigned code, unsigned questions) {
  constexpr unsigned response = 0x8000, authoritative = 0x0400, kept = 0x7900;  // opcode, RD
  std::string reply(query.substr(0, 2));
  append(reply, response | authoritative | (number_at(query, 2) & kept) | code);
  append(reply, questions);
  return reply.append(header_size - 6, '\0');
}

static std::string answer(const Zone& zone, std::string_view query, const Question& question) {
  constexpr unsigned type_a = 1, internet = 1, any = 255, truncated = 0x02;
  const auto found = zone.find(question.name);
  std::string reply = header_of(query, found == zone.end() ? no_such_name : no_error, 1);
  reply += query.substr(header_size, question.end - header_size);
  const bool wants = (question.type == type_a || question.type == any) &&
                     (question.of_class == internet || question.of_class == any);
  if (found == zone.end() || !wants) return reply;
  unsigned count = 0;
  for (const in_addr& address : found->second) {
    if (reply.size() + 16 > reply_max) {
      reply[2] = static_cast<char>(reply[2] | truncated);
      break;
    }
    append(reply, 0xc000 | header_size);  // the name is the question's
    append(reply, type_a);
    append(reply, internet);
    append(reply, 0);
    append(reply, 60);  // seconds to live
    append(reply, sizeof address);
    reply.append(reinterpret_cast<const char*>(&address), sizeof address);
    ++count;
  }
  reply[6] = static_cast<char>(count >> 8);
  reply[7] = static_cast<char>(count);
  return reply;
}

// Empty: nothing to say. What is a response itself gets none, or two servers could go on for ever.
static std::string reply_to(const Zone& zone, std::string_view query) {
  if (query.size() < header_size) return {};
  const unsigned flags = number_at(query, 2);
  if (flags & 0x8000) return {};
  if (flags & 0x7800) return header_of(query, not_implemented, 0);
  if (number_at(query, 4) != 1) return header_of(query, malformed, 0);
  const auto question = parse_question(query);
  if (!question) return header_of(query, malformed, 0);
  return answer(zone, query, *question);
}

static void add(Zone& zone, std::string_view name, const std::string& address) {
  in_addr parsed;
  if (::inet_pton(AF_INET, address.c_str(), &parsed) != 1) return;  // IPv6 is left out
  std::string key;
  for (const char c : name) key += lower(c);
  if (key.ends_with('.')) key.pop_back();
  zone[key].push_back(parsed);
}

static void add_file(Zone& zone, const char* path) {
  std::ifstream file(path);
  if (!file) throw Error(ENOENT, "open", path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    for (std::string name; words >> name;) add(zone, name, address);
  }
}

static Task<> amain(Address address, const Zone& zone) {
  UdpSocket socket = UdpSocket::bind(address);
  std::cout << "listening on " << socket.local().format() << std::endl;
  char buffer[4096];
  for (;;) {
    const auto got = co_await as_result(socket.receive_from(buffer));
    if (!got || got->truncated) continue;
    const std::string reply = reply_to(zone, Bytes(buffer, got->count).text());
    if (reply.empty()) continue;
    const auto sent = co_await as_result(socket.send_to(reply, got->from));
    if (!sent) std::cerr << got->from.format() << ": " << sent.error().message() << "\n";
  }
}

int main(int argc, char** argv) try {
  Zone zone;
  for (int i = 2; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto equals = word.find('=');
    if (equals == word.npos) {
      add_file(zone, argv[i]);
    } else {
      add(zone, word.substr(0, equals), std::string(word.substr(equals + 1)));
    }
  }
  const Address address = Address::parse(argc > 1 ? argv[1] : "127.0.0.1:5353");
  run(amain(address, zone), {.handle_sigint = true});
} catch (const std::exception& error) {
  std::cerr << "udp_dns_like: " << error.what() << "\n";
  return 1;
}
