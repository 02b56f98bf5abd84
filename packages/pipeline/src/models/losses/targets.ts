/**
 * The targets of a loss: one class per sample (int64, B), or the mass of each class (B x K) if labels are mixed,
 * smoothed or weighted. A row of mass sums to 1, or to less if the sample counts less.
 * B samples, K classes.
 */
import { fromTypedArray, oneHot, scope, zeros, type Tensor } from "@slicestack/torch";

export function labelTensor(batch: readonly { label: number }[], device: string): Tensor {
  return fromTypedArray(
    BigInt64Array.from(batch, ({ label }) => BigInt(label)),
    [batch.length],
    { device },
  );
}

/** @param like float tensor with the dtype of the result @param weights how much each sample counts; default 1 */
export function massOf(target: Tensor, classes: number, like: Tensor, weights?: readonly number[]): Tensor {
  return scope(() => {
    const { dtype, device } = like;
    const mass_BK = target.dim === 1 ? oneHot(target, classes).to({ dtype }) : target.alias();
    if (weights === undefined) return mass_BK;
    return mass_BK.mul(fromTypedArray(Float64Array.from(weights), [weights.length, 1], { dtype, device }));
  });
}

export interface MeanOptions {
  /** Weight of each class. */
  weight_K: Tensor | null;
  /** The fraction of each sample's mass that is spread over all classes. */
  smoothing: number;
  /** The number of terms of a sample of each class in the mean; default 1. */
  terms_K?: Tensor;
}

/**
 * The mean over samples of the loss for each class, weighted by the mass of that class:
 * Σ_bk m'_bk w_k l_bk / Σ_bk m_bk w_k t_k, with m' = (1 - s) m + s Σ_k m / K. For one class per sample and t = 1, this equals
 * PyTorch's cross_entropy with class weights and label smoothing.
 * @param loss_BK the loss of each sample if its class were k
 */
export function meanByMass(
  loss_BK: Tensor,
  target: Tensor,
  { weight_K, smoothing, terms_K }: MeanOptions,
): Tensor {
  return scope(() => {
    const [, classes = 1] = loss_BK.shape;
    const mass_BK = massOf(target, classes, loss_BK);
    const spread_BK =
      smoothing === 0
        ? mass_BK
        : mass_BK.mul(1 - smoothing).add(mass_BK.sum(1, true).mul(smoothing / classes));
    const weighted = (x_BK: Tensor) => (weight_K === null ? x_BK : x_BK.mul(weight_K));
    const counted_BK = terms_K === undefined ? mass_BK : mass_BK.mul(terms_K);
    return weighted(spread_BK).mul(loss_BK).sum().div(weighted(counted_BK).sum());
  });
}

/** The divisor of meanByMass. */
export function massTotal(
  target: Tensor,
  classes: number,
  weight_K: Tensor | null,
  terms_K?: Tensor,
): number {
  return scope(() => {
    const like = weight_K ?? terms_K ?? zeros([1], { dtype: "float64", device: target.device });
    const mass_BK = massOf(target, classes, like);
    const weighted_BK = weight_K === null ? mass_BK : mass_BK.mul(weight_K);
    return (terms_K === undefined ? weighted_BK : weighted_BK.mul(terms_K)).sum().item();
  });
}
