/** What console.log shows of tensors and modules. The values' layout is PyTorch 1.13's own output. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { arange, ArgumentError, fromTypedArray, tensor, zeros } from "../src/index.js";
import { BatchNorm2d, Conv2d, Linear, ModuleList, ReLU, Sequential, type Layer } from "../src/nn/index.js";
import { scopedTest } from "./support.js";

scopedTest("console.log of a tensor: the values as PyTorch lays them out, dtype and shape", () => {
  const cases: [shown: string, wanted: string][] = [
    [
      inspect(
        tensor([
          [1, 2.5],
          [-3.25, 0.03125],
        ]),
      ),
      "tensor([[ 1.0000,  2.5000],\n        [-3.2500,  0.0312]], dtype=float32, shape=[2, 2])",
    ],
    [inspect(tensor([1, 2, 3])), "tensor([1., 2., 3.], dtype=float32, shape=[3])"],
    [inspect(tensor(3.5)), "tensor(3.5000, dtype=float32, shape=[])"],
    [inspect(tensor([10, -2], { dtype: "int64" })), "tensor([10, -2], dtype=int64, shape=[2])"],
    [
      inspect(fromTypedArray(BigInt64Array.of(2n ** 62n, 1n))),
      "tensor([4611686018427387904,                   1], dtype=int64, shape=[2])",
    ],
    [inspect(tensor([1, 0], { dtype: "bool" })), "tensor([ True, False], dtype=bool, shape=[2])"],
    [inspect(tensor([0.00001, 1])), "tensor([1.0000e-05, 1.0000e+00], dtype=float32, shape=[2])"],
    [inspect(tensor([1, 1e9])), "tensor([1.0000e+00, 1.0000e+09], dtype=float32, shape=[2])"],
    [inspect(tensor([NaN, Infinity, -1])), "tensor([nan, inf, -1.], dtype=float32, shape=[3])"],
    [inspect(zeros([2, 0])), "tensor([], dtype=float32, shape=[2, 0])"],
    [
      inspect(tensor([0.5], { dtype: "bfloat16" }).requiresGrad_()),
      "tensor([0.5000], dtype=bfloat16, shape=[1], requiresGrad=true)",
    ],
    [
      inspect(arange(0, 8).view(2, 2, 2)),
      "tensor([[[0., 1.],\n         [2., 3.]],\n\n        [[4., 5.],\n         [6., 7.]]], dtype=float32, shape=[2, 2, 2])",
    ],
    [
      inspect(arange(0, 1001).to({ dtype: "int32" })),
      "tensor([   0,    1,    2,  ...,  998,  999, 1000], dtype=int32, shape=[1001])",
    ],
    [
      arange(0, 30).to({ dtype: "int64" }).toString(),
      "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29], dtype=int64, shape=[30])",
    ],
  ];
  for (const [shown, wanted] of cases) assert.equal(shown, wanted);
  const large = zeros([2000, 2000]);
  assert.match(inspect(large), /^tensor\(\[\[0\., 0\., 0\., {2}\.\.\., 0\., 0\., 0\.\],\n {8}\[0\./);
  assert.match(inspect({ large }), /shape=\[2000, 2000\]/);
  large.dispose();
  assert.equal(inspect(large), "tensor(disposed)");
});

scopedTest("console.log of a module: its tree, with settings and shapes", () => {
  using model = new Sequential([new Conv2d(3, 4, 3, { padding: 1 }), new BatchNorm2d(4), new ReLU()]);
  assert.equal(
    inspect(model),
    "Sequential(\n" +
      "  (0): Conv2d(inChannels=3, outChannels=4, kernelSize=3, padding=1, weight [4, 3, 3, 3], bias [4])\n" +
      "  (1): BatchNorm2d(channels=4, eps=0.00001, momentum=0.1, dims=[4], weight [4], bias [4], running_mean [4], running_var [4], num_batches_tracked [])\n" +
      "  (2): ReLU()\n)",
  );
  assert.equal(String(new ModuleList()), "ModuleList()");
});

scopedTest("Sequential takes layers one by one or in a list, and names what is none", () => {
  const layers = () => [new Linear(2, 3), new ReLU()];
  using spread = new Sequential(...layers());
  using listed = new Sequential(layers());
  assert.deepEqual([...listed.stateDict().keys()], [...spread.stateDict().keys()]);
  assert.deepEqual(listed.forward(zeros([1, 2])).shape, [1, 3]);
  assert.equal(new Sequential().length, 0);
  for (const wrong of [3, null, "relu"])
    assert.throws(() => new Sequential(wrong as unknown as Layer), ArgumentError);
  assert.throws(
    () => new Sequential([new ReLU(), (() => 1) as unknown as Layer]),
    /expected a Module at index 1, received function/,
  );
  assert.throws(
    () => new Sequential(new ModuleList() as unknown as Layer),
    /a layer with forward\(x\) at index 0/,
  );
});
