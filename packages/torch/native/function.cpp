// Functions whose backward pass is written in JavaScript: a node of libtorch's graph that calls back into this environment.
#include "function.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <thread>

#include "arguments.h"

namespace slicestack {

void FunctionTable::release(double id) {
  const std::lock_guard<std::mutex> lock(mutex);
  released.push_back(id);
}

std::vector<double> FunctionTable::takeReleased() {
  const std::lock_guard<std::mutex> lock(mutex);
  return std::move(released);
}

namespace {

/** Keeps no reference to JavaScript: the backward function is found by its number, which may be released in any thread. */
class JavaScriptNode : public torch::autograd::Node {
 public:
  JavaScriptNode(std::shared_ptr<FunctionTable> table, double id) : table(std::move(table)), id(id), thread(std::this_thread::get_id()) {}
  ~JavaScriptNode() override { table->release(id); }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override;
  std::string name() const override { return "JavaScriptFunction"; }
  void release_variables() override {
    saved.clear();
    isReleased = true;
  }

  std::vector<torch::autograd::SavedVariable> saved;

 private:
  std::shared_ptr<FunctionTable> table;
  const double id;
  const std::thread::id thread;
  bool isReleased = false;
};

struct HandleScope {
  explicit HandleScope(napi_env env) : env(env) { napi_open_handle_scope(env, &scope); }
  ~HandleScope() { napi_close_handle_scope(env, scope); }
  napi_env env;
  napi_handle_scope scope = nullptr;
};

napi_value handleArray(Environment& state, const torch::autograd::variable_list& tensors) {
  napi_value array;
  napi_create_array_with_length(state.env, tensors.size(), &array);
  for (size_t i = 0; i < tensors.size(); ++i) {
    napi_value item;
    if (tensors[i].defined()) napi_create_double(state.env, state.put(tensors[i]), &item);
    else napi_get_null(state.env, &item);
    napi_set_element(state.env, array, static_cast<uint32_t>(i), item);
  }
  return array;
}

/** An exception of JavaScript passes through libtorch as a C++ exception, and is thrown again where the call began. */
[[noreturn]] void throwPending(Environment& state) {
  napi_value error;
  napi_get_and_clear_last_exception(state.env, &error);
  if (state.functions->thrown) napi_delete_reference(state.env, state.functions->thrown);
  napi_value box;  // a reference can only hold objects, but any value may be thrown
  napi_create_array_with_length(state.env, 1, &box);
  napi_set_element(state.env, box, 0, error);
  napi_create_reference(state.env, box, 1, &state.functions->thrown);
  throw JavaScriptFault("the backward function threw");
}

torch::autograd::variable_list JavaScriptNode::apply(torch::autograd::variable_list&& gradients) {
  if (std::this_thread::get_id() != thread || table->state == nullptr)
    throw ArgumentFault("expected the backward pass of a JavaScript function in the thread that created it, but it was started in another thread");
  if (isReleased)
    throw ArgumentFault("this backward pass has already run and its graph was freed; pass retainGraph to the first one");
  Environment& state = *table->state;
  const HandleScope handles(state.env);
  torch::autograd::variable_list kept;
  kept.reserve(saved.size());
  for (const auto& variable : saved) kept.push_back(variable.unpack(shared_from_this()));
  napi_value number, caller, receiver, result;
  napi_create_double(state.env, id, &number);
  napi_get_reference_value(state.env, table->caller, &caller);
  napi_get_undefined(state.env, &receiver);
  napi_value arguments[] = {number, handleArray(state, gradients), handleArray(state, kept)};
  if (napi_call_function(state.env, receiver, caller, 3, arguments, &result) != napi_ok) throwPending(state);
  uint32_t count = 0;
  napi_get_array_length(state.env, result, &count);
  torch::autograd::variable_list found(count);
  for (uint32_t i = 0; i < count; ++i) {
    napi_value item;
    napi_valuetype type;
    napi_get_element(state.env, result, i, &item);
    napi_typeof(state.env, item, &type);
    if (type != napi_number) continue;
    double handle = 0;
    napi_get_value_double(state.env, item, &handle);
    found[i] = state.get(handle);
  }
  return found;
}

/** setFunctionCaller(function): called as (id, gradient handles, saved handles) -> gradient handles, null for no gradient */
napi_value setFunctionCaller(Arguments& a) {
  napi_valuetype type = napi_undefined;
  if (!a.missing(0)) napi_typeof(a.env, a.raw(0), &type);
  if (type != napi_function) a.fail(0, "caller", "a function");
  if (a.state.functions->caller) napi_delete_reference(a.env, a.state.functions->caller);
  napi_create_reference(a.env, a.raw(0), 1, &a.state.functions->caller);
  return a.nothing();
}

/** takeReleasedFunctions() -> ids whose graphs were released since the last call */
napi_value takeReleasedFunctions(Arguments& a) {
  const std::vector<double> ids = a.state.functions->takeReleased();
  napi_value array;
  napi_create_array_with_length(a.env, ids.size(), &array);
  for (size_t i = 0; i < ids.size(); ++i) napi_set_element(a.env, array, static_cast<uint32_t>(i), a.fromNumber(ids[i]));
  return array;
}

/**
 * attachFunction(id, inputs, outputs, saved) -> the outputs as results of the function `id`.
 * @param outputs computed without recording   @param saved any tensors; an output among them is kept as this function's output
 */
napi_value attachFunction(Arguments& a) {
  if (!a.state.functions->caller) throw ArgumentFault("expected a call of setFunctionCaller() first");
  const double id = a.number(0, "id");
  const Tensors inputs = a.tensors(1, "inputs"), outputs = a.tensors(2, "outputs"), saved = a.tensors(3, "saved");
  for (const auto& input : inputs)
    if (!input.device().is_cpu())
      throw ArgumentFault("inputs: expected tensors on the CPU, received one on " + input.device().str() +
                          "; backward passes of other devices run in threads of libtorch, which cannot call JavaScript");
  for (const auto& output : outputs)
    if (!at::isFloatingType(output.scalar_type()))
      throw ArgumentFault(std::string("outputs: expected a floating dtype, received ") + dtypeName(output.scalar_type()));
  const std::shared_ptr<JavaScriptNode> node(new JavaScriptNode(a.state.functions, id), torch::autograd::deleteNode);
  torch::autograd::edge_list edges;
  for (const auto& input : inputs) edges.push_back(torch::autograd::impl::gradient_edge(input));
  node->set_next_edges(std::move(edges));
  Tensors results;
  for (const auto& output : outputs) {
    at::Tensor result = output.variable_data();  // the same values, without the history or the version of the tensor it came from
    torch::autograd::impl::set_gradient_edge(result, {node, node->add_input_metadata(result)});
    results.push_back(result);
  }
  for (const auto& tensor : saved) {
    size_t at = 0;
    while (at < outputs.size() && !outputs[at].is_same(tensor)) ++at;
    const bool isOutput = at < outputs.size();
    node->saved.emplace_back(isOutput ? results[at] : tensor, isOutput);
  }
  return a.wrap(results);
}

}  // namespace

OpTable functionOps() {
  return {{"setFunctionCaller", setFunctionCaller}, {"takeReleasedFunctions", takeReleasedFunctions}, {"attachFunction", attachFunction}};
}

}  // namespace slicestack
