// Keys and values that ranks leave for each other with rank 0, over TCP: how they find each other.
// libtorch's own TCPStore would do, but that of 1.13 ends the process where rank 0 is lost at the wrong moment (its watching thread throws).
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace slicestack {

using Bytes = std::vector<uint8_t>;

/** The server on rank 0. Throws std::system_error if the port cannot be opened. */
class StoreServer {
 public:
  /** Listens on `host` alone where that is a loopback address, else on all of this machine's. */
  StoreServer(const std::string& host, uint16_t port);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;

 private:
  void serve();
  void answer(int connection);
  std::vector<int> sockets;
  std::map<std::string, Bytes> values;
  std::atomic<bool> ending{false};
  std::thread thread;
};

/** The client on every rank, including rank 0. Each request uses a separate connection, and ends by `deadline` with an answer or a std::runtime_error. */
class StoreClient {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  StoreClient(std::string host, uint16_t port) : host(std::move(host)), port(port) {}
  void set(const std::string& key, const Bytes& value, Deadline deadline) const;
  /** @returns whether it is there */
  bool find(const std::string& key, Bytes& value, Deadline deadline) const;
  int64_t add(const std::string& key, int64_t delta, Deadline deadline) const;
  /** @returns whether it was there */
  bool erase(const std::string& key, Deadline deadline) const;
  int64_t count(Deadline deadline) const;

 private:
  enum class Kind : uint32_t;
  /** @returns whether there is an answer, and the answer in `out` */
  bool ask(Kind kind, const std::string& key, const Bytes& value, Bytes& out, Deadline deadline) const;
  std::string host;
  uint16_t port;
  friend class StoreServer;
};

}  // namespace slicestack
