import assert from "node:assert/strict";
import { functional, liveTensors, rand, randint, scope } from "../../src/index.js";
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from "../../src/nn/index.js";
import { Adam, clipGradNorm } from "../../src/optim/index.js";
import { leakTest } from "../support.js";

const MEGABYTE = 2 ** 20;

leakTest(
  "500 training steps of a small convolutional net leave live tensors and resident memory flat",
  () => {
    using model = new Sequential(
      new Conv2d(1, 8, 3, { padding: 1 }),
      new BatchNorm2d(8),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(8, 16, 3, { padding: 1 }),
      new BatchNorm2d(16),
      new ReLU(),
      new AdaptiveAvgPool2d(2),
      new Flatten(),
      new Dropout(0.2),
      new Linear(64, 3),
    );
    using optimizer = new Adam(model.parameters());
    const train = () => {
      const loss = functional.crossEntropy(model.forward(rand([16, 1, 32, 32])), randint(0, 3, [16]));
      optimizer.zeroGrad();
      loss.backward();
      clipGradNorm(model.parameters(), 1);
      optimizer.step();
      return loss.item();
    };
    const step = () => scope(train);
    for (let k = 0; k < 50; k++) step();
    const live = liveTensors();
    const resident = process.memoryUsage.rss();
    for (let k = 0; k < 500; k++) {
      assert.ok(Number.isFinite(step()));
      assert.equal(liveTensors(), live, `live tensors after step ${k}`);
    }
    const growth = (process.memoryUsage.rss() - resident) / MEGABYTE;
    assert.ok(growth < 30, `resident memory grew by ${growth.toFixed(1)} MB over 500 steps`);
  },
);
