// The functions of an environment whose backward pass is written in JavaScript.
#pragma once
#include <node_api.h>

#include <mutex>
#include <stdexcept>
#include <vector>

namespace slicestack {

class Environment;

/** JavaScript threw inside libtorch; FunctionTable::thrown holds the value. */
struct JavaScriptFault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** Shared by the environment and the nodes of its graphs, which may outlive it. */
class FunctionTable {
 public:
  explicit FunctionTable(Environment* state) : state(state) {}
  /** Called from any thread when the graph of this function was released. */
  void release(double id);
  std::vector<double> takeReleased();

  /** Null once the environment has ended. */
  Environment* state;
  /** The function of JavaScript that runs the backward pass of a number. */
  napi_ref caller = nullptr;
  /** An array with one element: the value that JavaScript threw, until it is thrown again where the call began. */
  napi_ref thrown = nullptr;

 private:
  std::mutex mutex;
  std::vector<double> released;
};

}  // namespace slicestack
