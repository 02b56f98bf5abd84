/** ResNet-18 trunk with a 512-256-5 head: the net of peer_pytorch.py. */
import * as nn from "../packages/torch/dist/src/nn/index.js";

class Residual extends nn.Module {
  constructor(channelsIn, channels, stride) {
    super();
    this.conv1 = new nn.Conv2d(channelsIn, channels, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(channels);
    this.conv2 = new nn.Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(channels);
    const same = stride === 1 && channelsIn === channels;
    this.downsample = same
      ? null
      : new nn.Sequential(
          new nn.Conv2d(channelsIn, channels, 1, { stride, bias: false }),
          new nn.BatchNorm2d(channels),
        );
  }
  forward(x) {
    const y = this.bn2.forward(this.conv2.forward(this.bn1.forward(this.conv1.forward(x)).relu()));
    return y.add(this.downsample === null ? x : this.downsample.forward(x)).relu();
  }
}

export function sliceNet() {
  const layers = [
    new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false }),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  ];
  let width = 64;
  for (const channels of [64, 128, 256, 512]) {
    for (const block of [0, 1]) {
      layers.push(new Residual(width, channels, block === 0 && channels > 64 ? 2 : 1));
      width = channels;
    }
  }
  const head = [
    new nn.Linear(512, 512),
    new nn.ReLU(),
    new nn.Linear(512, 256),
    new nn.ReLU(),
    new nn.Linear(256, 5),
  ];
  return new nn.Sequential(...layers, new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), ...head);
}
