#include "addresses.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace slicestack {

namespace {

std::string numeric(const sockaddr* address, socklen_t length) {
  char text[256] = "";
  return getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0 ? text : "";
}
/** This machine's first IPv4 address that others can reach, or "". */
std::string outwardAddress() {
  std::string found;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* one = all; one && found.empty(); one = one->ifa_next)
    if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET) {
      const std::string address = numeric(one->ifa_addr, sizeof(sockaddr_in));
      if (!isLoopback(address)) found = address;
    }
  freeifaddrs(all);
  return found;
}

}  // namespace

bool isLoopback(const std::string& host) { return host.rfind("127.", 0) == 0 || host == "::1" || host == "localhost"; }

std::string addressTowards(const std::string& host, uint16_t port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return "";
  std::string found;
  for (const addrinfo* one = list; one && found.empty(); one = one->ai_next) {
    const int probe = socket(one->ai_family, SOCK_DGRAM, 0);
    if (probe < 0) continue;
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    if (connect(probe, one->ai_addr, one->ai_addrlen) == 0 && getsockname(probe, reinterpret_cast<sockaddr*>(&own), &length) == 0)
      found = numeric(reinterpret_cast<sockaddr*>(&own), length);
    close(probe);
  }
  freeaddrinfo(list);
  // Debian resolves the name of the host itself to 127.0.1.1, which other hosts cannot reach.
  if (isLoopback(found) && !isLoopback(host)) {
    const std::string outward = outwardAddress();
    if (!outward.empty()) found = outward;
  }
  return found;
}

}  // namespace slicestack
