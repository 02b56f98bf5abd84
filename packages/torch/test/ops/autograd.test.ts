import assert from "node:assert/strict";
import * as torch from "../../src/index.js";
import {
  ArgumentError,
  autocast,
  enableGrad,
  isAutocastEnabled,
  isGradEnabled,
  noGrad,
  scope,
  tensor,
} from "../../src/index.js";
import { native } from "../../src/native/load.js";
import { leakTest } from "../support.js";

// Through a function: TypeScript would take the null that was assigned for what is there.
const gradientOf = (x: torch.Tensor) => x.grad?.toArray();

leakTest("noGrad and enableGrad: nest, and are restored after a throw and after a refused Promise", () => {
  assert.equal(isGradEnabled(), true);
  noGrad(() => {
    assert.equal(isGradEnabled(), false);
    enableGrad(() => assert.equal(isGradEnabled(), true));
    assert.throws(() => enableGrad(() => assert.fail("inside")), /inside/);
    assert.equal(isGradEnabled(), false);
  });
  assert.throws(() => noGrad(() => assert.fail("inside")), /inside/);
  assert.throws(() => noGrad(() => Promise.reject(new Error("late"))), ArgumentError);
  assert.equal(isGradEnabled(), true);
});

leakTest("autocast: nests, can be switched off inside, and is restored after a throw", () => {
  scope(() => {
    const x = torch.ones([2, 2]);
    const dtype = () => x.matmul(x).dtype;
    autocast({}, () => {
      assert.equal(dtype(), "bfloat16");
      autocast({ enabled: false }, () =>
        assert.deepEqual([dtype(), isAutocastEnabled()], ["float32", false]),
      );
      assert.throws(() => autocast({ enabled: false }, () => assert.fail("inside")), /inside/);
      assert.deepEqual([dtype(), isAutocastEnabled()], ["bfloat16", true]);
    });
    assert.deepEqual([dtype(), isAutocastEnabled()], ["float32", false]);
    assert.throws(() => autocast({}, () => Promise.resolve()), ArgumentError);
    assert.throws(() => autocast({ dtype: "float16" }, () => 0), ArgumentError);
    assert.equal(isAutocastEnabled(), false);
  });
});

leakTest("backward: adds to leaves, keeps the graph when asked, takes a gradient for other shapes", () => {
  scope(() => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    assert.deepEqual([x.requiresGrad, x.isLeaf, x.grad], [true, true, null]);
    const loss = x.square().sum();
    assert.equal(loss.isLeaf, false);
    loss.backward({ retainGraph: true });
    loss.backward();
    assert.deepEqual(x.grad?.toArray(), [4, 8, 12]);
    assert.throws(() => loss.backward(), torch.TorchError);
    x.grad = null;
    const y = x.mul(2);
    assert.throws(() => y.backward(), /expected one value/);
    y.backward({ gradient: tensor([1, 0, -1]) });
    assert.deepEqual(gradientOf(x), [2, 0, -2]);
    assert.equal(y.grad, null);
    assert.throws(() => tensor([1]).backward(), /depends on a tensor with requiresGrad/);
    assert.throws(() => y.backward({ gradient: tensor([1]) }), /shape of the tensor/);
  });
});

leakTest("grad: leaves stay untouched, unused inputs give null, second derivatives with createGraph", () => {
  scope(() => {
    const x = tensor(3, { dtype: "float64" }).requiresGrad_();
    const unused = tensor(1).requiresGrad_();
    const [first, none] = torch.grad([x.pow(3)], [x, unused], { createGraph: true });
    assert.equal(first?.item(), 27);
    assert.equal(none, null);
    assert.equal(gradientOf(x), undefined);
    assert.equal(torch.grad([first], [x])[0]?.item(), 18);
    assert.throws(() => torch.grad([], [x]), ArgumentError);
    assert.throws(() => torch.grad([x.square()], [tensor(1)]), ArgumentError);
  });
});

leakTest("requiresGrad_ refuses whole numbers and computed tensors; detach leaves the graph", () => {
  scope(() => {
    assert.throws(() => tensor([1], { dtype: "int64" }).requiresGrad_(), /floating dtype, received int64/);
    const x = tensor([1]).requiresGrad_();
    assert.throws(() => x.mul(2).requiresGrad_(false), /leaf/);
    assert.throws(() => x.add_(1), torch.TorchError);
    assert.equal(x.mul(2).detach().requiresGrad, false);
    assert.equal(x.requiresGrad_(false).requiresGrad, false);
  });
});

leakTest("grad can be set, must fit, and zeroGrad drops it", () => {
  scope(() => {
    const x = tensor([1, 2]).requiresGrad_();
    x.grad = tensor([5, 6]);
    assert.deepEqual(x.grad?.toArray(), [5, 6]);
    assert.throws(() => (x.grad = tensor([1])), ArgumentError);
    assert.throws(() => (x.grad = tensor([1, 2], { dtype: "float64" })), ArgumentError);
    native().zeroGrad([x.handle]);
    assert.equal(x.grad, null);
  });
});

leakTest("setData: a leaf takes over dtype, layout and values, and stays the same leaf", () => {
  scope(() => {
    const x = torch.ones([1, 2, 2, 2]).requiresGrad_();
    x.setData(torch.full([1, 2, 2, 2], 3, { dtype: "float64" }).to({ memoryFormat: "channels_last" }));
    assert.deepEqual(
      [x.dtype, x.memoryFormat, x.requiresGrad, x.isLeaf],
      ["float64", "channels_last", true, true],
    );
    x.square().sum().backward();
    assert.deepEqual([x.grad?.dtype, x.grad?.toArray()[0]], ["float64", 6]);
  });
});

leakTest("a deep graph of 20,000 steps is built, differentiated and freed", () => {
  scope(() => {
    const x = tensor(1).requiresGrad_();
    let y = x.mul(1);
    for (let k = 0; k < 20_000; k++) y = y.add(0);
    y.backward();
    assert.equal(x.grad?.item(), 1);
  });
});
