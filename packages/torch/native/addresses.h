// Where ranks find each other: addresses of hosts, asked of the system.
#pragma once
#include <cstdint>
#include <string>

namespace slicestack {

/** Whether a name or address stands for this machine alone. */
bool isLoopback(const std::string& host);

/** The address of this machine from which `host` is reached, or "". Asking the routes sends nothing. */
std::string addressTowards(const std::string& host, uint16_t port);

}  // namespace slicestack
