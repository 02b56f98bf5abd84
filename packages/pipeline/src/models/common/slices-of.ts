import type { Tensor } from "@slicestack/torch";

/** The slices of volumes as a batch of images, volume by volume in slice order: x_BCHWD → slices_NCHW, N = B·D. */
export function slicesOf(x_BCHWD: Tensor): Tensor {
  return x_BCHWD.permute(0, 4, 1, 2, 3).flatten(0, 1);
}
