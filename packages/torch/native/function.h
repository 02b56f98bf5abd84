// What an environment knows of its functions whose backward pass is written in JavaScript.
#pragma once
#include <node_api.h>

#include <mutex>
#include <stdexcept>
#include <vector>

namespace slicestack {

class Environment;

/** JavaScript threw inside of libtorch; FunctionTable::thrown holds what. */
struct JavaScriptFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** Shared by the environment and the nodes of its graphs, which may outlive it. */
class FunctionTable {
 public:
  explicit FunctionTable(Environment* state) : state(state) {}
  /** From any thread: the graph of this function is gone. */
  void release(double id);
  std::vector<double> takeReleased();

  /** Null once the environment has ended. */
  Environment* state;
  /** The function of JavaScript that runs the backward pass of a number. */
  napi_ref caller = nullptr;
  /** An array of one: what JavaScript threw, on its way to where the call began. */
  napi_ref thrown = nullptr;

 private:
  std::mutex mutex;
  std::vector<double> released;
};

}  // namespace slicestack
