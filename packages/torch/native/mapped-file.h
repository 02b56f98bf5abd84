// Files mapped into memory, guarded: one that is cut while it is in use becomes an error, not the end of the process.
#pragma once
#include <string>

#include "environment.h"

namespace slicestack {

/** uint8 over the first `bytes` of a file; private: what is written stays in the process. */
at::Tensor mapFile(const std::string& path, int64_t bytes, const Environment* owner);

/** @throws MappedFileFault where the tensor lies in a mapped file that is shorter now */
void refuseCutFile(const at::Tensor& tensor);

/** How often a page was found missing, in any thread. */
uint64_t missingPages();
/** @throws MappedFileFault where a file of this environment was cut while an op read it */
void refuseMissingPages(const Environment* owner);

}  // namespace slicestack
