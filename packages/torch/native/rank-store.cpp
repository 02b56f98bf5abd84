#include "rank-store.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "addresses.h"

namespace slicestack {

enum class StoreClient::Kind : uint32_t { set, find, add, erase, count };

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Both sides run the same build on the same kind of machine, as c10d requires; the first eight bytes reveal any other program.
constexpr uint64_t kMagic = 0x31736b636174736cull;
struct Question {
  uint64_t magic;
  uint32_t kind, keyBytes, valueBytes, unused;
};
struct Answer {
  uint64_t magic;
  uint32_t found, valueBytes;
};
constexpr uint32_t kMostBytes = 1 << 20;

/** A time-out of 0 would mean no time-out. */
void limit(int socket, milliseconds time) {
  const auto ms = std::max<int64_t>(1, time.count());
  timeval value{};
  value.tv_sec = static_cast<decltype(value.tv_sec)>(ms / 1000);
  value.tv_usec = static_cast<decltype(value.tv_usec)>(ms % 1000 * 1000);
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof value);
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);  // also for connect()
}
bool sendAll(int socket, const void* data, size_t bytes) {
  for (auto* at = static_cast<const char*>(data); bytes > 0;) {
    const ssize_t sent = send(socket, at, bytes, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent, bytes -= static_cast<size_t>(sent);
  }
  return true;
}
bool receiveAll(int socket, void* data, size_t bytes) {
  for (auto* at = static_cast<char*>(data); bytes > 0;) {
    const ssize_t received = recv(socket, at, bytes, 0);
    if (received <= 0) return false;
    at += received, bytes -= static_cast<size_t>(received);
  }
  return true;
}

struct AddressList {
  AddressList(const char* host, uint16_t port, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags;
    error = getaddrinfo(host, std::to_string(port).c_str(), &hints, &first);
  }
  ~AddressList() {
    if (first) freeaddrinfo(first);
  }
  AddressList(const AddressList&) = delete;
  addrinfo* first = nullptr;
  int error;
};

/** A socket that closes itself. */
struct Connection {
  explicit Connection(int descriptor) : descriptor(descriptor) {}
  ~Connection() {
    if (descriptor >= 0) close(descriptor);
  }
  Connection(const Connection&) = delete;
  int descriptor;
};

}  // namespace

StoreServer::StoreServer(const std::string& host, uint16_t port) {
  const AddressList list(isLoopback(host) ? host.c_str() : nullptr, port, AI_PASSIVE);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = list.first; one; one = one->ai_next) {
    const int listener = socket(one->ai_family, SOCK_STREAM, 0);
    if (listener < 0) continue;
    const int yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (one->ai_family == AF_INET6) setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(listener, one->ai_addr, one->ai_addrlen) == 0 && listen(listener, 1024) == 0) {
      sockets.push_back(listener);
    } else {
      error = errno;
      close(listener);
    }
  }
  // If the port is in use on one of the addresses, some ranks would connect to another program.
  if (sockets.empty() || error == EADDRINUSE) {
    for (int listener : sockets) close(listener);
    throw std::system_error(error, std::generic_category(), "port " + std::to_string(port));
  }
  thread = std::thread([this] { serve(); });
}

StoreServer::~StoreServer() {
  ending = true;
  thread.join();
  for (int listener : sockets) close(listener);
}

void StoreServer::serve() {
  std::vector<pollfd> watched;
  for (int listener : sockets) watched.push_back({listener, POLLIN, 0});
  while (!ending) {
    if (poll(watched.data(), watched.size(), 20) <= 0) continue;
    for (const pollfd& one : watched) {
      if (!(one.revents & POLLIN)) continue;
      const Connection connection(accept(one.fd, nullptr, nullptr));
      if (connection.descriptor < 0) continue;
      limit(connection.descriptor, milliseconds(1000));  // a silent connection must not delay the ranks for long
      answer(connection.descriptor);
    }
  }
}

void StoreServer::answer(int connection) {
  using Kind = StoreClient::Kind;
  Question question{};
  if (!receiveAll(connection, &question, sizeof question) || question.magic != kMagic || question.keyBytes > kMostBytes || question.valueBytes > kMostBytes) return;
  std::string key(question.keyBytes, '\0');
  Bytes value(question.valueBytes);
  if (!receiveAll(connection, &key[0], key.size()) || !receiveAll(connection, value.data(), value.size())) return;
  const auto at = values.find(key);
  Answer answer{kMagic, at != values.end(), 0};
  Bytes out;
  const auto number = [&](int64_t n) {
    out.resize(sizeof n);
    std::memcpy(out.data(), &n, sizeof n);
  };
  switch (static_cast<Kind>(question.kind)) {
    case Kind::set: values[key] = value; break;
    case Kind::find:
      if (answer.found) out = at->second;
      break;
    case Kind::add: {
      // As text, because c10d reads what it added with get().
      int64_t delta = 0;
      if (value.size() == sizeof delta) std::memcpy(&delta, value.data(), sizeof delta);
      const int64_t sum = delta + (answer.found ? std::strtoll(std::string(at->second.begin(), at->second.end()).c_str(), nullptr, 10) : 0);
      const std::string text = std::to_string(sum);
      values[key] = Bytes(text.begin(), text.end());
      number(sum);
      break;
    }
    case Kind::erase: values.erase(key); break;
    case Kind::count: number(static_cast<int64_t>(values.size())); break;
  }
  answer.valueBytes = static_cast<uint32_t>(out.size());
  if (sendAll(connection, &answer, sizeof answer)) sendAll(connection, out.data(), out.size());
}

bool StoreClient::ask(Kind kind, const std::string& key, const Bytes& value, Bytes& out, Deadline deadline) const {
  const std::string place = host + ", port " + std::to_string(port);
  const char* trouble = "nothing is listening at ";
  do {
    const AddressList list(host.c_str(), port, 0);
    if (list.error != 0) throw std::runtime_error("the host " + host + " cannot be resolved: " + gai_strerror(list.error));
    for (const addrinfo* one = list.first; one; one = one->ai_next) {
      const Connection connection(socket(one->ai_family, SOCK_STREAM, 0));
      limit(connection.descriptor, std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now()));
      if (connection.descriptor < 0 || connect(connection.descriptor, one->ai_addr, one->ai_addrlen) != 0) continue;
      const Question question{kMagic, static_cast<uint32_t>(kind), static_cast<uint32_t>(key.size()), static_cast<uint32_t>(value.size()), 0};
      Answer answer{};
      trouble = "rank 0 does not answer at ";
      if (!sendAll(connection.descriptor, &question, sizeof question) || !sendAll(connection.descriptor, key.data(), key.size()) ||
          !sendAll(connection.descriptor, value.data(), value.size()) || !receiveAll(connection.descriptor, &answer, sizeof answer))
        continue;
      if (answer.magic != kMagic || answer.valueBytes > kMostBytes) throw std::runtime_error("another program is listening at " + place);
      out.resize(answer.valueBytes);
      if (receiveAll(connection.descriptor, out.data(), out.size())) return answer.found != 0;
    }
    std::this_thread::sleep_for(milliseconds(20));
  } while (steady_clock::now() < deadline);
  throw std::runtime_error("timed out: " + (trouble + place));
}

void StoreClient::set(const std::string& key, const Bytes& value, Deadline deadline) const {
  Bytes none;
  ask(Kind::set, key, value, none, deadline);
}
bool StoreClient::find(const std::string& key, Bytes& value, Deadline deadline) const { return ask(Kind::find, key, {}, value, deadline); }
bool StoreClient::erase(const std::string& key, Deadline deadline) const {
  Bytes none;
  return ask(Kind::erase, key, {}, none, deadline);
}

namespace {
int64_t numberIn(const Bytes& bytes) {
  int64_t number = 0;
  if (bytes.size() == sizeof number) std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}
}  // namespace

int64_t StoreClient::add(const std::string& key, int64_t delta, Deadline deadline) const {
  Bytes value(sizeof delta), sum;
  std::memcpy(value.data(), &delta, sizeof delta);
  ask(Kind::add, key, value, sum, deadline);
  return numberIn(sum);
}
int64_t StoreClient::count(Deadline deadline) const {
  Bytes found;
  ask(Kind::count, "", {}, found, deadline);
  return numberIn(found);
}

}  // namespace slicestack
