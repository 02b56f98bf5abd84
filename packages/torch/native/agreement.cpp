// The description of a call that ranks exchange before they send tensors.
#include <cstring>

#include "group.h"

namespace slicestack {

DistributedFault faultOf(int rank, int size, const std::string& cause, const std::string& remedy) {
  return {"rank " + std::to_string(rank) + " of " + std::to_string(size) + ": " + cause + "\n  " + remedy, rank, size};
}

namespace {

/** A Call in a fixed number of bytes, so that this message itself has the same size on all ranks. */
struct Header {
  int64_t operation, detail, dtype, dims, shapeHash;
  int64_t sizes[8];  // the first of them
  double weight;
};
constexpr int64_t kHeaderWords = sizeof(Header) / sizeof(int64_t);

Header headerOf(const Call& call) {
  Header header{static_cast<int64_t>(call.operation), call.detail, static_cast<int64_t>(call.dtype), static_cast<int64_t>(call.sizes.size()), 17, {}, call.weight};
  for (size_t k = 0; k < call.sizes.size(); ++k) {
    header.shapeHash = static_cast<int64_t>(static_cast<uint64_t>(header.shapeHash) * 1099511628211ull) ^ call.sizes[k];
    if (k < std::size(header.sizes)) header.sizes[k] = call.sizes[k];
  }
  return header;
}

/** e.g. "allReduce sum float32 [2, 3]" */
std::string describe(const Header& header) {
  const auto operation = static_cast<Operation>(header.operation);
  std::string text = nameOf(operation);
  if (operation == Operation::barrier) return text;
  if (operation == Operation::averageGradients)
    return text + " of " + std::to_string(header.sizes[0]) + " parameters, " + std::to_string(header.sizes[1]) + " values, layout " + std::to_string(header.detail);
  if (operation == Operation::allReduce) text += std::string(" ") + nameOf(static_cast<Reduce>(header.detail));
  if (operation == Operation::broadcast) text += " from rank " + std::to_string(header.detail);
  std::string sizes;
  for (int64_t k = 0; k < std::min<int64_t>(header.dims, std::size(header.sizes)); ++k) sizes += (k == 0 ? "" : ", ") + std::to_string(header.sizes[k]);
  return text + " " + dtypeName(static_cast<at::ScalarType>(header.dtype)) + " [" + sizes + "]";
}

}  // namespace

std::vector<double> Group::agree(const Call& call) {
  const Header own = headerOf(call);
  const auto row = [] { return at::empty({kHeaderWords}, at::TensorOptions().dtype(at::kLong)); };
  const at::Tensor sent = row();
  std::memcpy(sent.data_ptr(), &own, sizeof own);
  Tensors rows;
  for (int k = 0; k < size; ++k) rows.push_back(row());
  startAllGather(call.operation, sent, rows)();
  std::vector<double> weights;
  for (const at::Tensor& found : rows) {
    Header header;
    std::memcpy(&header, found.data_ptr(), sizeof header);
    const auto theirs = std::to_string(weights.size());
    weights.push_back(header.weight);
    header.weight = own.weight;
    if (std::memcmp(&header, &own, sizeof own) != 0)
      throw faultOf(rank, size, "the ranks do not make the same call: this one calls " + describe(own) + ", rank " + theirs + " calls " + describe(header),
                    "All ranks must make the same calls in the same order, with tensors of the same shape and dtype.");
  }
  return weights;
}

}  // namespace slicestack
