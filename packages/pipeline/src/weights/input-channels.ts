/** Adapts pretrained first layers to other numbers of input channels. */
import { scope, type Tensor } from "@slicestack/torch";

/**
 * The weights of a first convolution, for `channels` input channels: weight_OIhw → weight_OChw.
 *
 * Each new channel gets the sum of the old ones, divided by the new number. An image that is equal in all channels
 * (a grey one) therefore gives the same output, and no channel is preferred: the old weights cannot know which of them is a window, a
 * neighbouring slice or a colour. If the numbers are equal, nothing changes. Repeating the
 * old channels in turn would keep the output for grey images only for multiples of their number.
 */
export function adaptInputChannels(weight_OIhw: Tensor, channels: number): Tensor {
  if (weight_OIhw.size(1) === channels) return weight_OIhw;
  return scope(() => {
    const [outputs = 0, , ...kernel] = weight_OIhw.shape;
    const share_O1hw = weight_OIhw.sum(1, true).div(channels);
    return share_O1hw.expand(outputs, channels, ...kernel).contiguous();
  });
}
