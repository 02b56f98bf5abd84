// The addresses of hosts, at which ranks find each other, from the system.
#pragma once
#include <cstdint>
#include <string>

namespace slicestack {

/** Whether a name or address always means the local machine. */
bool isLoopback(const std::string& host);

/** The address of this machine from which `host` is reached, or "". Nothing is sent. */
std::string addressTowards(const std::string& host, uint16_t port);

}  // namespace slicestack
