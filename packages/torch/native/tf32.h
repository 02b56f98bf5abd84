// TensorFloat-32 is a switch of the whole process in libtorch, so threads that disagree about it must not compute at the same time.
#pragma once
#include "environment.h"

namespace slicestack {

/** Ends what this thread holds, if anything; the last thread that does restores the settings from before the first. */
void releaseTf32(Environment& state);

}  // namespace slicestack
