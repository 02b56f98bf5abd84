// Gradients: backward, grad, leaves; autocast.
#include "arguments.h"

namespace slicestack {

namespace {

napi_value requiresGrad(Arguments& a) { return a.fromBoolean(a.tensor(0, "tensor").requires_grad()); }
napi_value isLeaf(Arguments& a) { return a.fromBoolean(a.tensor(0, "tensor").is_leaf()); }
napi_value setRequiresGrad(Arguments& a) {
  auto& x = a.tensor(0, "tensor");
  const bool wanted = a.boolean(1, "requiresGrad");
  if (wanted && !at::isFloatingType(x.scalar_type())) throw ArgumentFault(std::string("tensor: expected a floating dtype, received ") + dtypeName(x.scalar_type()));
  if (!x.is_leaf() && !wanted) throw ArgumentFault("tensor: expected a leaf; use detach() for a computed tensor");
  x.set_requires_grad(wanted);
  a.state.forgetCasts();
  return a.nothing();
}
napi_value detach(Arguments& a) { return a.wrap(a.tensor(0, "tensor").detach()); }
napi_value setGradEnabled(Arguments& a) {
  const bool before = at::GradMode::is_enabled(), wanted = a.boolean(0, "enabled");
  at::GradMode::set_enabled(wanted);
  if (wanted && !before) a.state.forgetCasts();
  return a.fromBoolean(before);
}
napi_value isGradEnabled(Arguments& a) { return a.fromBoolean(at::GradMode::is_enabled()); }

napi_value backward(Arguments& a) {
  const auto& loss = a.tensor(0, "tensor");
  if (!loss.requires_grad()) throw ArgumentFault("tensor: expected a result that depends on a tensor with requiresGrad, received one that does not");
  at::Tensor gradient;
  if (!a.missing(1)) {
    gradient = a.tensor(1, "gradient");
    if (gradient.sizes() != loss.sizes()) throw ArgumentFault("gradient: expected the shape of the tensor");
  } else if (loss.numel() != 1) {
    throw ArgumentFault("tensor: expected one value (a loss), received " + std::to_string(loss.numel()) + "; pass a gradient for other shapes");
  }
  torch::autograd::backward({loss}, {gradient}, /*retain_graph=*/Optional<bool>(a.boolean(2, "retainGraph")), /*create_graph=*/false);
  a.state.forgetCasts();  // a backward pass records nothing, and may cast too
  return a.nothing();
}
// grad(outputs, inputs, retainGraph, createGraph) -> gradients, null for an input that is not used
napi_value grad(Arguments& a) {
  const auto outputs = a.tensors(0, "outputs"), inputs = a.tensors(1, "inputs");
  if (outputs.empty() || inputs.empty()) throw ArgumentFault("outputs, inputs: expected at least one tensor each");
  for (const auto& output : outputs)
    if (!output.requires_grad() || output.numel() != 1) throw ArgumentFault("outputs: expected single values that depend on a tensor with requiresGrad");
  for (const auto& input : inputs)
    if (!input.requires_grad()) throw ArgumentFault("inputs: expected tensors with requiresGrad");
  const auto found = torch::autograd::grad(outputs, inputs, {}, Optional<bool>(a.boolean(2, "retainGraph")), a.boolean(3, "createGraph"), /*allow_unused=*/true);
  a.state.forgetCasts();
  napi_value array, null;
  napi_create_array_with_length(a.env, found.size(), &array);
  napi_get_null(a.env, &null);
  for (size_t k = 0; k < found.size(); ++k) napi_set_element(a.env, array, static_cast<uint32_t>(k), found[k].defined() ? a.wrap(found[k]) : null);
  return array;
}
// gradOf(tensor) -> a handle to its gradient, or null
napi_value gradOf(Arguments& a) {
  const auto& x = a.tensor(0, "tensor");
  // libtorch prints a warning for a tensor that is not a leaf.
  if ((x.is_leaf() || x.retains_grad()) && x.grad().defined()) return a.wrap(x.grad());
  napi_value null;
  napi_get_null(a.env, &null);
  return null;
}
napi_value setGrad(Arguments& a) {
  auto& x = a.tensor(0, "tensor");
  if (a.missing(1)) {
    x.mutable_grad() = at::Tensor();
  } else {
    const auto& gradient = a.tensor(1, "gradient");
    if (gradient.sizes() != x.sizes() || gradient.scalar_type() != x.scalar_type()) throw ArgumentFault("gradient: expected the shape and dtype of the tensor");
    x.mutable_grad() = gradient;
  }
  return a.nothing();
}
// zeroGrad(parameters): drops all gradients, as PyTorch's set_to_none
napi_value zeroGrad(Arguments& a) {
  for (auto& parameter : a.tensors(0, "parameters")) parameter.mutable_grad() = at::Tensor();
  return a.nothing();
}
// setData(tensor, data): the tensor takes over dtype, device, layout and values, and stays the same leaf
napi_value setData(Arguments& a) {
  auto& x = a.tensor(0, "tensor");
  x.set_data(a.tensor(1, "data").detach());
  a.state.forgetCasts();
  return a.nothing();
}

at::DeviceType deviceType(Arguments& a, size_t i) {
  const std::string text = a.string(i, "deviceType");
  if (text == "cpu") return at::kCPU;
  if (text == "cuda") return at::kCUDA;
  a.fail(i, "deviceType", "'cpu' or 'cuda'");
}
// enterAutocast(deviceType, enabled, dtype) -> [enabled before, dtype before]; leaveAutocast(deviceType, enabled, dtype) restores
napi_value enterAutocast(Arguments& a) {
  const auto type = deviceType(a, 0);
  const auto dtype = a.dtype(2, "dtype");
  if (dtype != at::kBFloat16 && !(dtype == at::kHalf && type == at::kCUDA)) a.fail(2, "dtype", "'bfloat16', or 'float16' on CUDA");
  const bool enabled = a.boolean(1, "enabled");
  const AutocastState before = autocastState(type);
  at::autocast::increment_nesting();
  ++a.state.autocastDepth;
  setAutocastState(type, {enabled, dtype});
  napi_value array;
  napi_create_array_with_length(a.env, 2, &array);
  napi_set_element(a.env, array, 0, a.fromBoolean(before.enabled));
  napi_set_element(a.env, array, 1, a.fromString(dtypeName(before.dtype)));
  return array;
}
napi_value leaveAutocast(Arguments& a) {
  const auto type = deviceType(a, 0);
  const AutocastState before{a.boolean(1, "enabled"), a.dtype(2, "dtype")};
  if (a.state.autocastDepth == 0) throw ArgumentFault("expected an open autocast region, but there is none");
  --a.state.autocastDepth;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  setAutocastState(type, before);
  return a.nothing();
}
napi_value isAutocastEnabled(Arguments& a) { return a.fromBoolean(autocastState(deviceType(a, 0)).enabled); }

}  // namespace

OpTable autogradOps() {
  return {{"requiresGrad", requiresGrad},   {"isLeaf", isLeaf},         {"setRequiresGrad", setRequiresGrad}, {"detach", detach},
          {"setGradEnabled", setGradEnabled}, {"isGradEnabled", isGradEnabled}, {"backward", backward},       {"grad", grad},
          {"gradOf", gradOf},               {"setGrad", setGrad},       {"zeroGrad", zeroGrad},               {"setData", setData},
          {"enterAutocast", enterAutocast}, {"leaveAutocast", leaveAutocast}, {"isAutocastEnabled", isAutocastEnabled}};
}

}  // namespace slicestack
