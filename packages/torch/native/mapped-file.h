// Files mapped into memory, guarded: truncating one while it is in use causes an error instead of ending the process.
#pragma once
#include <string>

#include "environment.h"

namespace slicestack {

/** uint8 over the first `bytes` of a file; private: writes stay in the process. */
at::Tensor mapFile(const std::string& path, int64_t bytes, const Environment* owner);

/** @throws MappedFileFault if the mapped file of the tensor has been truncated */
void refuseCutFile(const at::Tensor& tensor);

/** How often a page was missing, in any thread. */
uint64_t missingPages();
/** @throws MappedFileFault if a file of this environment was truncated while an op read it */
void refuseMissingPages(const Environment* owner);

}  // namespace slicestack
