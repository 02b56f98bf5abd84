// The gradient of a convolution by parts, so that each may be computed in the way that is fastest for its sizes.
#include "convolution.h"

#include <torch/csrc/autograd/custom_function.h>

#include "tile-convolution.h"

namespace slicestack {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/** Whether the library would compute this in bfloat16. */
bool inBfloat16(const at::Tensor& x) {
  const auto autocast = autocastState(at::kCPU);
  return autocast.enabled ? autocast.dtype == at::kBFloat16 && x.scalar_type() != at::kDouble : x.scalar_type() == at::kBFloat16;
}

/** dweight = dy^T . columns: what each output sees is written out, taps and channels side by side. */
at::Tensor im2colWeightGradient(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const Ints& stride, const Ints& padding, const Ints& dilation) {
  const auto dims = static_cast<int64_t>(stride.size());
  const auto toLast = [&](const at::Tensor& t) { return t.movedim(1, -1).contiguous(); };
  Ints margin{0, 0};
  for (int64_t k = dims - 1; k >= 0; --k) margin.insert(margin.end(), 2, padding[size_t(k)]);
  const auto rows = toLast(dy), seen = at::constant_pad_nd(toLast(x), margin);
  Ints shape{x.size(0)}, steps{seen.stride(0)}, taps, tapSteps;
  for (int64_t k = 0; k < dims; ++k) {
    shape.push_back(dy.size(k + 2));
    steps.push_back(seen.stride(k + 1) * stride[size_t(k)]);
    taps.push_back(weight.size(k + 2));
    tapSteps.push_back(seen.stride(k + 1) * dilation[size_t(k)]);
  }
  shape.insert(shape.end(), taps.begin(), taps.end());
  steps.insert(steps.end(), tapSteps.begin(), tapSteps.end());
  shape.push_back(x.size(1));
  steps.push_back(1);
  const int64_t outputs = weight.size(0);
  const auto columns = seen.as_strided(shape, steps).reshape({-1, weight.numel() / outputs});
  Ints last{outputs};
  last.insert(last.end(), taps.begin(), taps.end());
  last.push_back(x.size(1));
  return rows.view({-1, outputs}).t().mm(columns).view(last).movedim(-1, 1);
}

struct Convolve : torch::autograd::Function<Convolve> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight, const Optional<at::Tensor>& bias, const Ints& stride,
                            const Ints& padding, const Ints& dilation, const ConvolutionWays& ways) {
    const auto dtype = inBfloat16(given) ? at::kBFloat16 : given.scalar_type();
    c10::impl::ExcludeDispatchKeyGuard plain(c10::DispatchKey::AutocastCPU);
    const auto x = given.to(dtype);
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    context->saved_data["input"] = static_cast<int64_t>(ways.input);
    context->saved_data["weight"] = static_cast<int64_t>(ways.weight);
    context->saved_data["dtype"] = static_cast<int64_t>(given.scalar_type());
    context->saved_data["needed"] = std::vector<bool>{given.requires_grad(), weight.requires_grad(), bias && bias->requires_grad()};
    if (ways.forward == ConvolutionWay::tiles) return tileForward(x, weight, bias ? *bias : at::Tensor(), ConvolutionSizes::of(x.sizes(), weight.sizes(), stride, padding, dilation));
    const auto b = bias ? Optional<at::Tensor>(bias->to(dtype)) : Optional<at::Tensor>();
    return at::convolution(x, weight.to(dtype), b, stride, padding, dilation, /*transposed=*/false, Ints(stride.size(), 0), /*groups=*/1);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (at::GradMode::is_enabled()) throw std::runtime_error("a convolution computed by tiles or im2col has no gradient of its gradient: use createGraph: false, or the ways of the library");
    c10::impl::ExcludeDispatchKeyGuard plain(c10::DispatchKey::AutocastCPU);
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const auto &x = saved[0], &weight = saved[1], &dy = gradients[0];
    const Ints stride = data["stride"].toIntVector(), padding = data["padding"].toIntVector(), dilation = data["dilation"].toIntVector();
    const auto sizes = ConvolutionSizes::of(x.sizes(), weight.sizes(), stride, padding, dilation);
    auto inputWay = static_cast<ConvolutionWay>(data["input"].toInt());
    const auto weightWay = static_cast<ConvolutionWay>(data["weight"].toInt());
    if (!hasTileInputGradient(sizes)) inputWay = ConvolutionWay::library;
    const auto needed = data["needed"].toBoolList();
    at::Tensor dx, dweight, dbias;
    const bool byLibrary[] = {needed[0] && inputWay == ConvolutionWay::library, needed[1] && weightWay == ConvolutionWay::library};
    if (byLibrary[0] || byLibrary[1]) {
      const auto found = at::convolution_backward(dy, x, weight.to(x.scalar_type()), c10::nullopt, stride, padding, dilation, /*transposed=*/false, Ints(stride.size(), 0),
                                                  /*groups=*/1, {byLibrary[0], byLibrary[1], false});
      dx = std::get<0>(found);
      dweight = std::get<1>(found);
    }
    if (needed[0] && !byLibrary[0]) dx = tileInputGradient(dy, weight, x, sizes);
    if (needed[1] && !byLibrary[1]) dweight = weightWay == ConvolutionWay::tiles ? tileWeightGradient(dy, x, sizes) : im2colWeightGradient(dy, x, weight, stride, padding, dilation);
    if (needed[2]) {
      Ints dims{0};
      for (int64_t k = 2; k < x.dim(); ++k) dims.push_back(k);
      dbias = dy.sum(dims, /*keepdim=*/false, x.scalar_type() == at::kBFloat16 ? at::kFloat : x.scalar_type());
    }
    if (dx.defined()) dx = dx.to(static_cast<at::ScalarType>(data["dtype"].toInt()));
    if (dweight.defined()) dweight = dweight.to(weight.scalar_type());
    return {dx, dweight, dbias, {}, {}, {}, {}};
  }
};

ConvolutionWay wayOf(Arguments& a, size_t i, const char* name, bool im2col) {
  const std::string text = a.string(i, name);
  if (text == "library") return ConvolutionWay::library;
  if (text == "tiles") return ConvolutionWay::tiles;
  if (im2col && text == "im2col") return ConvolutionWay::im2col;
  a.fail(i, name, im2col ? "'library', 'tiles' or 'im2col'" : "'library' or 'tiles'");
}

}  // namespace

ConvolutionWays convolutionWays(Arguments& a, size_t first) {
  return {wayOf(a, first, "forward", false), wayOf(a, first + 1, "input", false), wayOf(a, first + 2, "weight", true)};
}

bool applies(const ConvolutionWays& ways, const at::Tensor& x, const at::Tensor& weight) {
  if (!x.device().is_cpu() || !weight.device().is_cpu() || !at::isFloatingType(x.scalar_type()) || x.numel() == 0) return false;
  const auto asks = [&](ConvolutionWay way) { return ways.forward == way || ways.input == way || ways.weight == way; };
  if (asks(ConvolutionWay::tiles)) return inBfloat16(x);
  return asks(ConvolutionWay::im2col) && (x.scalar_type() == weight.scalar_type() || inBfloat16(x));
}

at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const Optional<at::Tensor>& bias, const Ints& stride, const Ints& padding, const Ints& dilation,
                       const ConvolutionWays& ways) {
  return Convolve::apply(x, weight, bias, stride, padding, dilation, ways);
}

}  // namespace slicestack
