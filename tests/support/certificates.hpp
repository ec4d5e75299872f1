// Certificates of every kind, good and bad, made once for a program in a folder of its own.
#pragma once

#include <string>

namespace test {

// What one side shows: PEM files. `chain` begins with its own certificate.
struct Identity {
  std::string chain, key;
};

// All of the same root, unless it says otherwise.
struct Certificates {
  std::string folder;
  std::string roots;          // the root alone
  std::string other_roots;    // another one, with the same name, which has signed nothing here
  Identity localhost;         // localhost, 127.0.0.1 and ::1
  Identity renewed;           // the same names, of a later day
  Identity another_host;      // other.example.org
  Identity wildcard;          // *.example.org and f*.example.net
  Identity expired;           // localhost, yesterday
  Identity not_yet;           // localhost, tomorrow
  Identity self_signed;       // localhost, by itself
  Identity by_intermediate;   // localhost, with its intermediate
  Identity without_its_link;  // the same, without it
  Identity for_clients;       // "a client", good for clients alone
  Identity client_of_another; // "a stranger", of the root that nobody knows
  Identity not_for_servers;   // localhost, but good for clients alone
};
const Certificates& certificates();

// What is in a file.
std::string text_of(const std::string& path);

// The serial number of the first certificate in a file, in hexadecimal.
std::string serial_of(const std::string& path);

}  // namespace test
