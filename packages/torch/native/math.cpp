// Arithmetic, comparisons, reductions, matrix products.
#include "arguments.h"

namespace slicestack {

namespace {

// One line per op: the name in JavaScript is the name in libtorch, in camelCase.
#define UNARY(NAME, CALL) \
  napi_value NAME(Arguments& a) { return a.wrap(at::CALL(a.tensor(0, "x"))); }
// The second operand is a tensor or a number.
#define BINARY(NAME, METHOD)                                                                   \
  napi_value NAME(Arguments& a) {                                                              \
    const at::Tensor x = a.tensor(0, "x");                                                     \
    return a.wrap(a.missing(2) || !a.boolean(2, "scalar") ? x.METHOD(a.tensor(1, "other")) : x.METHOD(a.scalar(1, "other"))); \
  }

UNARY(neg, neg)
UNARY(abs, abs)
UNARY(exp, exp)
UNARY(log, log)
UNARY(log1p, log1p)
UNARY(sqrt, sqrt)
UNARY(rsqrt, rsqrt)
UNARY(square, square)
UNARY(reciprocal, reciprocal)
UNARY(floor, floor)
UNARY(ceil, ceil)
UNARY(round, round)
UNARY(sign, sign)
UNARY(sin, sin)
UNARY(cos, cos)
UNARY(erf, erf)
UNARY(relu, relu)
UNARY(sigmoid, sigmoid)
UNARY(tanh, tanh)
UNARY(isnan, isnan)
UNARY(isfinite, isfinite)
UNARY(logicalNot, logical_not)

BINARY(add, add)
BINARY(sub, sub)
BINARY(mul, mul)
BINARY(div, div)
BINARY(pow, pow)
BINARY(eq, eq)
BINARY(ne, ne)
BINARY(lt, lt)
BINARY(le, le)
BINARY(gt, gt)
BINARY(ge, ge)

// The processor traps if the smallest integer is divided by -1; the remainder by -1 equals that by 1.
napi_value remainder(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  const bool scalar = a.boolean(2, "scalar"), whole = at::isIntegralType(x.scalar_type(), /*includeBool=*/true);
  if (scalar && (!whole || !a.scalar(1, "other").isIntegral(/*includeBool=*/true))) return a.wrap(x.remainder(a.scalar(1, "other")));
  // A number is converted to the dtype of x with a check: libtorch would truncate 2^32 - 1 to the int32 -1.
  const auto dtype = x.scalar_type() == at::kBool ? at::kLong : x.scalar_type();
  const at::Tensor other = scalar ? at::full({}, a.scalar(1, "other"), x.options().dtype(dtype)) : a.tensor(1, "other");
  const bool trap = whole && at::isIntegralType(other.scalar_type(), /*includeBool=*/false) && other.scalar_type() != at::kByte;
  return a.wrap(x.remainder(trap ? other.masked_fill(other.eq(-1), 1) : other));
}
napi_value maximum(Arguments& a) { return a.wrap(at::maximum(a.tensor(0, "x"), a.tensor(1, "other"))); }
napi_value minimum(Arguments& a) { return a.wrap(at::minimum(a.tensor(0, "x"), a.tensor(1, "other"))); }
napi_value logicalAnd(Arguments& a) { return a.wrap(at::logical_and(a.tensor(0, "x"), a.tensor(1, "other"))); }
napi_value logicalOr(Arguments& a) { return a.wrap(at::logical_or(a.tensor(0, "x"), a.tensor(1, "other"))); }
napi_value clamp(Arguments& a) {
  Optional<at::Scalar> low, high;
  if (!a.missing(1)) low = a.scalar(1, "min");
  if (!a.missing(2)) high = a.scalar(2, "max");
  return a.wrap(at::clamp(a.tensor(0, "x"), low, high));
}
napi_value lerp(Arguments& a) { return a.wrap(at::lerp(a.tensor(0, "x"), a.tensor(1, "end"), a.scalar(2, "weight"))); }

// In place; no result.
napi_value add_(Arguments& a) {
  auto& x = a.tensor(0, "x");
  if (a.boolean(2, "scalar")) x.add_(a.scalar(1, "other"));
  else x.add_(a.tensor(1, "other"), a.missing(3) ? at::Scalar(1) : a.scalar(3, "alpha"));
  a.state.forgetCasts();
  return a.nothing();
}
napi_value mul_(Arguments& a) {
  auto& x = a.tensor(0, "x");
  if (a.boolean(2, "scalar")) x.mul_(a.scalar(1, "other"));
  else x.mul_(a.tensor(1, "other"));
  a.state.forgetCasts();
  return a.nothing();
}
napi_value fill_(Arguments& a) {
  a.tensor(0, "x").fill_(a.scalar(1, "value"));
  a.state.forgetCasts();
  return a.nothing();
}
napi_value lerp_(Arguments& a) {
  a.tensor(0, "x").lerp_(a.tensor(1, "end"), a.scalar(2, "weight"));
  a.state.forgetCasts();
  return a.nothing();
}

// Reductions: (x, dims | undefined for all, keepdim)
Ints dims(Arguments& a, const at::Tensor& x) {
  if (a.missing(1)) {
    Ints all(static_cast<size_t>(x.dim()));
    for (size_t k = 0; k < all.size(); ++k) all[k] = static_cast<int64_t>(k);
    return all;
  }
  return a.isNumber(1) ? Ints{a.integer(1, "dim")} : a.ints(1, "dim");
}
napi_value sum(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::sum(x, dims(a, x), a.boolean(2, "keepdim")));
}
napi_value mean(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::mean(x, dims(a, x), a.boolean(2, "keepdim")));
}
napi_value amax(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::amax(x, dims(a, x), a.boolean(2, "keepdim")));
}
napi_value amin(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::amin(x, dims(a, x), a.boolean(2, "keepdim")));
}
napi_value logsumexp(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::logsumexp(x, dims(a, x), a.boolean(2, "keepdim")));
}
// variance(x, dims, keepdim, correction)
napi_value variance(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::var(x, dims(a, x), Optional<int64_t>(a.integer(3, "correction", 0)), a.boolean(2, "keepdim")));
}
napi_value std_(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::std(x, dims(a, x), Optional<int64_t>(a.integer(3, "correction", 0)), a.boolean(2, "keepdim")));
}
// norm(x, p, dims, keepdim)
napi_value norm(Arguments& a) {
  const auto& x = a.tensor(0, "x");
  return a.wrap(at::norm(x, Optional<at::Scalar>(at::Scalar(a.number(3, "p"))), dims(a, x), a.boolean(2, "keepdim")));
}
napi_value prod(Arguments& a) { return a.wrap(a.missing(1) ? at::prod(a.tensor(0, "x")) : at::prod(a.tensor(0, "x"), a.integer(1, "dim"), a.boolean(2, "keepdim"))); }
napi_value any(Arguments& a) { return a.wrap(a.missing(1) ? at::any(a.tensor(0, "x")) : at::any(a.tensor(0, "x"), a.integer(1, "dim"), a.boolean(2, "keepdim"))); }
napi_value all(Arguments& a) { return a.wrap(a.missing(1) ? at::all(a.tensor(0, "x")) : at::all(a.tensor(0, "x"), a.integer(1, "dim"), a.boolean(2, "keepdim"))); }
napi_value max(Arguments& a) {
  if (a.missing(1)) return a.wrap(at::max(a.tensor(0, "x")));
  return a.wrap(at::max(a.tensor(0, "x"), a.integer(1, "dim"), a.boolean(2, "keepdim")));
}
napi_value min(Arguments& a) {
  if (a.missing(1)) return a.wrap(at::min(a.tensor(0, "x")));
  return a.wrap(at::min(a.tensor(0, "x"), a.integer(1, "dim"), a.boolean(2, "keepdim")));
}
napi_value argmax(Arguments& a) {
  Optional<int64_t> dim;
  if (!a.missing(1)) dim = a.integer(1, "dim");
  return a.wrap(at::argmax(a.tensor(0, "x"), dim, a.boolean(2, "keepdim")));
}
napi_value argmin(Arguments& a) {
  Optional<int64_t> dim;
  if (!a.missing(1)) dim = a.integer(1, "dim");
  return a.wrap(at::argmin(a.tensor(0, "x"), dim, a.boolean(2, "keepdim")));
}
napi_value cumsum(Arguments& a) { return a.wrap(at::cumsum(a.tensor(0, "x"), a.integer(1, "dim"))); }
napi_value topk(Arguments& a) { return a.wrap(at::topk(a.tensor(0, "x"), a.integer(1, "k", 0), a.integer(2, "dim"), a.boolean(3, "largest"), true)); }
napi_value sort(Arguments& a) { return a.wrap(at::sort(a.tensor(0, "x"), Optional<bool>(true), a.integer(1, "dim"), a.boolean(2, "descending"))); }
napi_value softmax(Arguments& a) { return a.wrap(at::softmax(a.tensor(0, "x"), a.integer(1, "dim"))); }
napi_value logSoftmax(Arguments& a) { return a.wrap(at::log_softmax(a.tensor(0, "x"), a.integer(1, "dim"))); }

napi_value matmul(Arguments& a) { return a.wrap(at::matmul(a.tensor(0, "x"), a.tensor(1, "other"))); }
napi_value bmm(Arguments& a) { return a.wrap(at::bmm(a.tensor(0, "x", 3), a.tensor(1, "other", 3))); }

#undef UNARY
#undef BINARY

}  // namespace

OpTable mathOps() {
  return {{"neg", neg},
          {"abs", abs},
          {"exp", exp},
          {"log", log},
          {"log1p", log1p},
          {"sqrt", sqrt},
          {"rsqrt", rsqrt},
          {"square", square},
          {"reciprocal", reciprocal},
          {"floor", floor},
          {"ceil", ceil},
          {"round", round},
          {"sign", sign},
          {"sin", sin},
          {"cos", cos},
          {"erf", erf},
          {"relu", relu},
          {"sigmoid", sigmoid},
          {"tanh", tanh},
          {"isnan", isnan},
          {"isfinite", isfinite},
          {"logicalNot", logicalNot},
          {"logicalAnd", logicalAnd},
          {"logicalOr", logicalOr},
          {"add", add},
          {"sub", sub},
          {"mul", mul},
          {"div", div},
          {"pow", pow},
          {"remainder", remainder},
          {"eq", eq},
          {"ne", ne},
          {"lt", lt},
          {"le", le},
          {"gt", gt},
          {"ge", ge},
          {"maximum", maximum},
          {"minimum", minimum},
          {"clamp", clamp},
          {"lerp", lerp},
          {"add_", add_},
          {"mul_", mul_},
          {"fill_", fill_},
          {"lerp_", lerp_},
          {"sum", sum},
          {"mean", mean},
          {"amax", amax},
          {"amin", amin},
          {"logsumexp", logsumexp},
          {"variance", variance},
          {"std", std_},
          {"norm", norm},
          {"prod", prod},
          {"any", any},
          {"all", all},
          {"max", max},
          {"min", min},
          {"argmax", argmax},
          {"argmin", argmin},
          {"cumsum", cumsum},
          {"topk", topk},
          {"sort", sort},
          {"softmax", softmax},
          {"logSoftmax", logSoftmax},
          {"matmul", matmul},
          {"bmm", bmm}};
}

}  // namespace slicestack
