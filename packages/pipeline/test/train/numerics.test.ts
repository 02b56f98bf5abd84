/** Out of memory, and non-finite losses and gradients: the messages of the loop, and the files that it leaves. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { fromTypedArray, scope, zeros, type Tensor } from "@slicestack/torch";
import { Linear, Module } from "@slicestack/torch/nn";
import type { OptimisationConfig } from "../../src/config/types.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { runPaths } from "../../src/run/folder.js";
import type { Stage } from "../../src/train/stage.js";
import { leakFree } from "../models/support.js";
import { newestState } from "./support.js";
import { kept, pointStage, runStageHere, settings, validationOf } from "./toy.js";

const eight = [1, 2, 3, 4, 5, 6, 7, 8];

/** Requests a petabyte from libtorch if a piece has more than this number of items. */
function hungry(config: OptimisationConfig, most: number, from = 0) {
  const stage = pointStage(config, eight);
  let calls = 0;
  const loss: typeof stage.loss = (input, piece) => {
    if (piece.count > most && calls++ >= from) zeros([2 ** 50]);
    return stage.loss(input, piece);
  };
  return { ...stage, loss };
}

leakFree(
  "out of memory: the batch is halved with twice the pieces until it fits, which is logged; the steps are those of the batch",
  (folder) => {
    const config = settings({ optimizer: "adam" });
    const stage = hungry(config, 2);
    using _model = stage.model;
    const { lines, rows } = runStageHere(stage, `${folder}/hungry`);
    assert.deepEqual(lines, [
      "out of memory: batches of 8 are now computed in 2 pieces of at most 4",
      "out of memory: batches of 8 are now computed in 4 pieces of at most 2",
    ]);
    assert.deepEqual(
      rows.map(({ step }) => step),
      [1, 2, 3, 4, 5, 6],
    );
    const plain = pointStage(config, eight);
    using _plain = plain.model;
    runStageHere(plain, `${folder}/plain`);
    stage.seen.forEach((w, k) => assert.ok(Math.abs(w - plain.seen[k]!) < 1e-6));
  },
);

leakFree("out of memory in the middle of a step: the gradients of half a batch are discarded", (folder) => {
  const config = settings({ accumulate: "2" });
  const stage = hungry(config, 3, 1); // the first piece fits, the second does not
  using _model = stage.model;
  const { lines } = runStageHere(stage, `${folder}/hungry`);
  assert.equal(lines.length, 1);
  const plain = pointStage(config, eight);
  using _plain = plain.model;
  runStageHere(plain, `${folder}/plain`);
  stage.seen.forEach((w, k) => assert.ok(Math.abs(w - plain.seen[k]!) < 1e-6));
});

leakFree("a resume remembers in how many pieces a batch fits", (folder) => {
  const config = settings();
  const first = hungry(config, 2);
  using _first = first.model;
  let asked = 0;
  assert.equal(runStageHere(first, folder, { stopping: () => asked++ > 4 }).result.status, "stopped");
  const second = hungry(config, 2);
  using _second = second.model;
  const { lines, result } = runStageHere(second, folder, { resume: true });
  assert.deepEqual([lines, result.status], [[], "finished"]);
});

leakFree(
  "a single item that does not fit is an OutOfMemoryError, and the checkpoint of the epoch before is intact",
  (folder) => {
    const stage = hungry(settings(), 0, 2);
    using _model = stage.model;
    assert.throws(() => runStageHere(stage, folder), { name: "OutOfMemoryError" });
    assert.ok(Math.abs(kept(folder, "last") - 1.665) < 1e-6, String(kept(folder, "last"))); // after 2 of 6 epochs
  },
);

leakFree(
  "pieces that batch norm keeps above a size are reported with their true size, and not tried again unchanged",
  (folder) => {
    const stage = { ...hungry(settings(), 2), leastItems: 3 };
    using _model = stage.model;
    const lines: string[] = [];
    const job = {
      report: () => undefined,
      event: () => undefined,
      stopping: () => false,
      log: (line: string) => lines.push(line),
    };
    assert.throws(() => runStageHere(stage, folder, { job }), { name: "OutOfMemoryError" });
    assert.deepEqual(lines, ["out of memory: batches of 8 are now computed in 2 pieces of at most 4"]);
  },
);

/** first → second → the root of its square: a gradient of 0 · ∞ where second gives 0. */
class Net extends Module {
  readonly first = new Linear(1, 2);
  readonly second = new Linear(2, 1);
  readonly third = new Linear(1, 1);
  forward(x_B1: Tensor, root: boolean): Tensor {
    const hidden_B1 = this.second.forward(this.first.forward(x_B1));
    return this.third.forward(root ? hidden_B1.mul(0).sqrt().mul(hidden_B1) : hidden_B1);
  }
}

type NetStage = Stage<number, Tensor> & { model: Net };
/** @param spoil of the batch of an epoch; the model; whether its gradient breaks */
function netStage(
  config: OptimisationConfig,
  spoil: (epoch: number, items: number[], model: Net) => boolean,
): NetStage {
  const model = new Net();
  let root = false;
  return {
    name: "volume",
    model,
    config,
    metadata: {},
    batches: () => [[1, 2, 3, 4]],
    input: (batch, epoch) => {
      const items = [...batch];
      root = spoil(epoch, items, model);
      return fromTypedArray(Float32Array.from(items), [items.length, 1]);
    },
    loss: (input, { first, count }) =>
      model
        .forward(input.narrow(0, first, count), root)
        .pow(2)
        .mean(),
    mass: (_, { count }) => count,
    validate: () => validationOf(1),
  };
}

/** Trains until it is refused. @returns the message, and asserts that state and weights are those after `epochs` epochs */
function refusal(stage: NetStage, folder: string, epochs: number): string {
  using _model = stage.model;
  let atEnd = new Map<string, number[]>();
  const values = () =>
    scope(() => new Map([...stage.model.stateDict()].map(([name, x]) => [name, x.toArray()])));
  let message = "";
  try {
    runStageHere({ ...stage, validate: () => ((atEnd = values()), stage.validate()) }, folder);
  } catch (error) {
    assert.ok(error instanceof Error && error.name === "EngineError", String(error));
    message = error.message;
  }
  assert.notEqual(message, "", "it was not refused");
  assert.match(message, /the last checkpoint is intact\. Lower volume\.learning_rate, set volume\.clip_norm/);
  const { tensors, metadata } = readSafetensors(newestState(folder, "volume"));
  assert.equal((JSON.parse(metadata["state"]!) as { epoch: number }).epoch, epochs);
  for (const [name, wanted] of atEnd) assert.deepEqual(tensors.get(`model.${name}`)!.toArray(), wanted, name);
  for (const tensor of tensors.values()) tensor.dispose();
  return message;
}

for (const accumulate of ["1", "4"]) {
  leakFree(
    `a non-finite loss stops training before the step and names the layer (${accumulate} pieces, the third item at fault)`,
    (folder) => {
      const stage = netStage(settings({ accumulate }), (epoch, items) => {
        if (epoch === 2) items[2] = Infinity;
        return false;
      });
      const message = refusal(stage, folder, 2);
      assert.match(
        message,
        /volume stage: the loss is (NaN|Infinity), first non-finite after layer first, in epoch 3, step 1;/,
      );
    },
  );
}

leakFree("the named layer is the one where it begins: the weights of the second layer are NaN", (folder) => {
  const stage = netStage(settings(), (epoch, _, model) => {
    if (epoch === 1) scope(() => model.second.weight.detach().mul_(NaN));
    return false;
  });
  using _model = stage.model;
  assert.throws(
    () => runStageHere(stage, folder),
    /the loss is NaN, first non-finite after layer second, in epoch 2/,
  );
});

for (const clip_norm of ["null", "1"]) {
  leakFree(
    `a non-finite gradient of a finite loss stops training before the step and names the last layer that has it (clip_norm ${clip_norm})`,
    (folder) => {
      const stage = netStage(settings({ clip_norm }), (epoch) => epoch === 1);
      const message = refusal(stage, folder, 1);
      assert.match(message, /the norm of the gradient is NaN, first in second\.bias, in epoch 2, step 1;/);
    },
  );
}

leakFree(
  "a step with exploding weights is noticed in validation: neither best nor state of that epoch is written",
  (folder) => {
    const stage = netStage(settings(), () => false);
    using _model = stage.model;
    let epoch = 0;
    const validate = () => {
      if (epoch++ < 1) return validationOf(3);
      const loss = scope(() =>
        stage.model.forward(fromTypedArray(Float32Array.of(3e38), [1, 1]).mul(10), false).item(),
      );
      return validationOf(loss);
    };
    assert.throws(
      () => runStageHere({ ...stage, validate }, folder),
      /volume stage: the loss on val is not finite, first non-finite after layer first, after epoch 2, which was not saved; the checkpoint before it is intact/,
    );
    const metadata = scope(() => readSafetensors(newestState(folder, "volume")).metadata);
    assert.equal((JSON.parse(metadata["state"]!) as { epoch: number }).epoch, 1);
    assert.equal(
      scope(() => readSafetensors(runPaths(folder).best("volume")).metadata["epoch"]),
      "0",
    );
  },
);

leakFree("a run that fails in its first epoch leaves no checkpoint to resume from", (folder) => {
  const stage = netStage(settings(), (_, items) => (items.fill(NaN), false));
  using _model = stage.model;
  assert.throws(
    () => runStageHere(stage, folder),
    /the loss is NaN, first non-finite after layer first, in epoch 1, step 1/,
  );
  assert.ok(!existsSync(runPaths(folder).state("volume")));
});

/** Two numbers, of which the loss reads one. */
class Forgetful extends Module {
  readonly read = new Linear(1, 1, { bias: false });
  readonly forgotten = new Linear(1, 3);
}

function forgetful<M extends Forgetful>(model: M) {
  const stage = pointStage(settings(), eight);
  stage.model.dispose();
  const loss: typeof stage.loss = (input, { first, count }) =>
    model.read
      .forward(input.narrow(0, first, count).unsqueeze(1))
      .square()
      .mean();
  return { ...stage, model, loss, validate: () => validationOf(1) };
}

leakFree(
  "a trainable parameter without a gradient after a whole batch ends training with its name",
  (folder) => {
    using model = new Forgetful();
    const before = [...model.stateDict()].map(([name, x]) => [name, x.toArray()]);
    assert.throws(
      () => runStageHere(forgetful(model), folder),
      (error: Error) => {
        assert.equal(error.name, "EngineError");
        assert.match(
          error.message,
          /2 trainable parameters have no gradient .* epoch 1, step 1: forgotten\.weight, forgotten\.bias\./,
        );
        return true;
      },
    );
    assert.deepEqual(
      [...model.stateDict()].map(([name, x]) => [name, x.toArray()]),
      before,
    );
  },
);

leakFree("parameters that are frozen, or that the model declares as unused, need no gradient", (folder) => {
  using frozen = new Forgetful();
  frozen.forgotten.requiresGrad_(false);
  assert.equal(runStageHere(forgetful(frozen), `${folder}/frozen`).result.status, "finished");
  class Declared extends Forgetful {
    readonly unused = ["forgotten"];
  }
  using declared = new Declared();
  assert.equal(runStageHere(forgetful(declared), `${folder}/declared`).result.status, "finished");
});
