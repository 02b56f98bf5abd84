// Ops that move values without changing them: views, joins, selections, padding, casts.
#include <algorithm>

#include "arguments.h"

namespace slicestack {

namespace {

at::MemoryFormat memoryFormat(Arguments& a, size_t i) {
  const std::string text = a.string(i, "memoryFormat");
  if (text == "contiguous") return at::MemoryFormat::Contiguous;
  if (text == "channels_last") return at::MemoryFormat::ChannelsLast;
  if (text == "channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
  if (text == "preserve") return at::MemoryFormat::Preserve;
  a.fail(i, "memoryFormat", "'contiguous', 'channels_last', 'channels_last_3d' or 'preserve'");
}

void checkIndex(const at::Tensor& index, const char* name) {
  if (index.scalar_type() != at::kLong)
    throw ArgumentFault(std::string(name) + ": expected dtype int64, received " + dtypeName(index.scalar_type()));
}

napi_value view(Arguments& a) { return a.wrap(a.tensor(0, "x").view(a.ints(1, "shape", -1, -1))); }
napi_value reshape(Arguments& a) { return a.wrap(a.tensor(0, "x").reshape(a.ints(1, "shape", -1, -1))); }
// viewDtype(x, dtype): the same bytes read as another dtype
napi_value viewDtype(Arguments& a) { return a.wrap(a.tensor(0, "x").view(a.dtype(1, "dtype"))); }
napi_value permute(Arguments& a) { return a.wrap(a.tensor(0, "x").permute(a.ints(1, "dims"))); }
napi_value transpose(Arguments& a) { return a.wrap(a.tensor(0, "x").transpose(a.integer(1, "dim0"), a.integer(2, "dim1"))); }
napi_value squeeze(Arguments& a) { return a.wrap(a.missing(1) ? a.tensor(0, "x").squeeze() : a.tensor(0, "x").squeeze(a.integer(1, "dim"))); }
napi_value unsqueeze(Arguments& a) { return a.wrap(a.tensor(0, "x").unsqueeze(a.integer(1, "dim"))); }
napi_value flatten(Arguments& a) { return a.wrap(a.tensor(0, "x").flatten(a.integer(1, "startDim"), a.integer(2, "endDim"))); }
// A view needs no memory, but nearly every op on it would; a reduction over 2^50 equal values would never finish.
napi_value expand(Arguments& a) {
  const at::Tensor y = a.tensor(0, "x").expand(a.ints(1, "shape", -1, -1));
  checkFits(a.state, y.sizes(), y.scalar_type());
  return a.wrap(y);
}
/** One handle per part: refuses more parts than the table can hold, before libtorch creates them. */
const at::Tensor& parted(Arguments& a, int64_t dim, int64_t size) {
  const auto& x = a.tensor(0, "x");
  if (x.dim() > 0 && dim >= -x.dim() && dim < x.dim() && x.size(dim) / size > (1 << 20))
    throw ArgumentFault("x: expected at most 1048576 parts, received " + std::to_string(x.size(dim) / size));
  return x;
}
napi_value repeat(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  const auto times = a.ints(1, "times", -1, 0);
  Ints sizes = times;
  for (int64_t k = 0; k < x.dim() && k < static_cast<int64_t>(sizes.size()); ++k) {
    const size_t at = sizes.size() - 1 - static_cast<size_t>(k);
    sizes[at] = static_cast<int64_t>(std::min(static_cast<double>(sizes[at]) * static_cast<double>(x.size(x.dim() - 1 - k)), 9e15));
  }
  checkFits(a.state, sizes, x.scalar_type());
  return a.wrap(x.repeat(times));
}
napi_value cat(Arguments& a) { return a.wrap(at::cat(a.tensors(0, "tensors"), a.integer(1, "dim"))); }
napi_value stack(Arguments& a) { return a.wrap(at::stack(a.tensors(0, "tensors"), a.integer(1, "dim"))); }
napi_value split(Arguments& a) { return a.wrap(parted(a, a.integer(2, "dim"), a.integer(1, "size", 1)).split(a.integer(1, "size", 1), a.integer(2, "dim"))); }
napi_value chunk(Arguments& a) { return a.wrap(a.tensor(0, "x").chunk(a.integer(1, "chunks", 1, 1 << 20), a.integer(2, "dim"))); }
napi_value unbind(Arguments& a) { return a.wrap(parted(a, a.integer(1, "dim"), 1).unbind(a.integer(1, "dim"))); }
napi_value select(Arguments& a) { return a.wrap(a.tensor(0, "x").select(a.integer(1, "dim"), a.integer(2, "index"))); }
napi_value narrow(Arguments& a) { return a.wrap(a.tensor(0, "x").narrow(a.integer(1, "dim"), a.integer(2, "start"), a.integer(3, "length", 0))); }
// slice(x, dim, start, end, step): Python's x[start:end:step]
napi_value slice(Arguments& a) {
  Optional<int64_t> start, end;
  if (!a.missing(2)) start = a.integer(2, "start");
  if (!a.missing(3)) end = a.integer(3, "end");
  return a.wrap(a.tensor(0, "x").slice(a.integer(1, "dim"), start, end, a.integer(4, "step", 1)));
}
napi_value indexSelect(Arguments& a) {
  const auto& index = a.tensor(2, "index", 1);
  checkIndex(index, "index");
  return a.wrap(a.tensor(0, "x").index_select(a.integer(1, "dim"), index));
}
napi_value gather(Arguments& a) {
  const auto& index = a.tensor(2, "index");
  checkIndex(index, "index");
  return a.wrap(a.tensor(0, "x").gather(a.integer(1, "dim"), index));
}
// scatterAdd(x, dim, index, source)
napi_value scatterAdd(Arguments& a) {
  const auto& index = a.tensor(2, "index");
  checkIndex(index, "index");
  return a.wrap(a.tensor(0, "x").scatter_add(a.integer(1, "dim"), index, a.tensor(3, "source")));
}
const at::Tensor& mask(Arguments& a, size_t i, const char* name) {
  const auto& t = a.tensor(i, name);
  if (t.scalar_type() != at::kBool) throw ArgumentFault(std::string(name) + ": expected dtype bool, received " + dtypeName(t.scalar_type()));
  return t;
}
napi_value maskedSelect(Arguments& a) { return a.wrap(a.tensor(0, "x").masked_select(mask(a, 1, "mask"))); }
napi_value maskedFill(Arguments& a) { return a.wrap(a.tensor(0, "x").masked_fill(mask(a, 1, "mask"), a.scalar(2, "value"))); }
napi_value where(Arguments& a) { return a.wrap(at::where(mask(a, 0, "condition"), a.tensor(1, "x"), a.tensor(2, "y"))); }
napi_value flip(Arguments& a) { return a.wrap(a.tensor(0, "x").flip(a.ints(1, "dims"))); }
napi_value roll(Arguments& a) { return a.wrap(a.tensor(0, "x").roll(a.ints(1, "shifts"), a.ints(2, "dims"))); }
// pad(x, [last dim before, after, second-last before, after, ...], mode, value)
napi_value pad(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  const auto padding = a.ints(1, "padding");
  Ints sizes = x.sizes().vec();
  for (size_t k = 0; k < padding.size() && k / 2 < sizes.size(); ++k) {
    int64_t& size = sizes[sizes.size() - 1 - k / 2];
    if (std::abs(padding[k]) > (int64_t(1) << 40)) throw ArgumentFault("padding: expected values below 2^40, received " + std::to_string(padding[k]));
    size = std::max<int64_t>(0, size + padding[k]);
  }
  checkFits(a.state, sizes, x.scalar_type());
  Optional<double> value;
  if (!a.missing(3)) value = a.number(3, "value");
  return a.wrap(at::pad(x, padding, a.string(2, "mode"), value));
}
napi_value contiguous(Arguments& a) { return a.wrap(a.tensor(0, "x").contiguous(memoryFormat(a, 1))); }
napi_value clone(Arguments& a) { return a.wrap(a.tensor(0, "x").clone()); }
// alias(x) -> a second handle to the same tensor
napi_value alias(Arguments& a) { return a.wrap(a.tensor(0, "x").alias()); }
napi_value toDtype(Arguments& a) { return a.wrap(a.tensor(0, "x").to(a.dtype(1, "dtype"))); }
napi_value toDevice(Arguments& a) { return a.wrap(a.tensor(0, "x").to(a.device(1, "device"), a.tensor(0, "x").scalar_type(), a.boolean(2, "nonBlocking"))); }
napi_value toMemoryFormat(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(x.to(x.options(), /*non_blocking=*/false, /*copy=*/false, memoryFormat(a, 1)));
}
napi_value copy_(Arguments& a) {
  a.tensor(0, "x").copy_(a.tensor(1, "source"));
  a.state.forgetCasts();
  return a.nothing();
}
napi_value oneHot(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  checkIndex(x, "x");
  const int64_t classes = a.integer(1, "classes", 1);
  Ints sizes = x.sizes().vec();
  sizes.push_back(classes);
  checkFits(a.state, sizes, at::kLong);
  return a.wrap(at::one_hot(x, classes));
}
napi_value tril(Arguments& a) { return a.wrap(a.tensor(0, "x").tril(a.integer(1, "diagonal"))); }
napi_value triu(Arguments& a) { return a.wrap(a.tensor(0, "x").triu(a.integer(1, "diagonal"))); }

}  // namespace

OpTable shapeOps() {
  return {{"view", view},           {"reshape", reshape},       {"viewDtype", viewDtype}, {"permute", permute},       {"transpose", transpose},
          {"squeeze", squeeze},     {"unsqueeze", unsqueeze},   {"flatten", flatten},     {"expand", expand},         {"repeat", repeat},
          {"cat", cat},             {"stack", stack},           {"split", split},         {"chunk", chunk},           {"unbind", unbind},
          {"select", select},       {"narrow", narrow},         {"slice", slice},         {"indexSelect", indexSelect}, {"gather", gather},
          {"scatterAdd", scatterAdd}, {"maskedSelect", maskedSelect}, {"maskedFill", maskedFill}, {"where", where},   {"flip", flip},
          {"roll", roll},           {"pad", pad},               {"contiguous", contiguous}, {"clone", clone},         {"alias", alias},
          {"toDtype", toDtype},     {"toDevice", toDevice},     {"toMemoryFormat", toMemoryFormat}, {"copy_", copy_}, {"oneHot", oneHot},
          {"tril", tril},           {"triu", triu}};
}

}  // namespace slicestack
