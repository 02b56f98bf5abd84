/** Weights in files, with this package alone. The format's hostile files are tried in packages/pipeline/test/export. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { ArgumentError, tensor, zeros, type Tensor } from "../src/index.js";
import { BatchNorm2d, Conv2d, Linear, Sequential } from "../src/nn/index.js";
import { CheckpointError, loadFile, safetensorsBytes, saveFile } from "../src/safetensors.js";
import { scopedTest } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-torch-weights-"));
after(() => rmSync(folder, { recursive: true, force: true }));

scopedTest(
  "a model's weights saved and loaded are the same to the bit, in channels_last and in half precision",
  () => {
    const file = join(folder, "model.safetensors");
    using made = new Sequential(new Conv2d(3, 4, 3), new BatchNorm2d(4)).to({
      memoryFormat: "channels_last",
    });
    saveFile(made.stateDict(), file, { epoch: "3" });
    using other = new Sequential(new Conv2d(3, 4, 3), new BatchNorm2d(4));
    const { tensors, metadata } = loadFile(file);
    other.loadStateDict(tensors);
    const values = (module: Sequential) => [...module.stateDict()].map(([name, x]) => [name, x.toArray()]);
    assert.deepEqual(values(other), values(made));
    assert.deepEqual(metadata, { epoch: "3" });

    using half = new Linear(3, 2).to({ dtype: "bfloat16" });
    saveFile(half.stateDict(), file);
    const loaded = loadFile(file).tensors;
    assert.deepEqual(
      [...loaded.values()].map((x) => x.dtype),
      ["bfloat16", "bfloat16"],
    );
    assert.deepEqual(loaded.get("weight")?.toArray(), half.weight.toArray());
  },
);

scopedTest(
  "tensors are written in pieces, none of which is large, and the whole is what a reader expects",
  () => {
    const large = zeros([5, 1 << 22]).add(tensor([[1], [2], [3], [4], [5]])); // 84 MB
    const weights = new Map<string, Tensor>([
      ["flipped", large.transpose(0, 1)],
      ["one", tensor(7)],
    ]);
    const pieces = [...safetensorsBytes(weights)];
    assert.ok(pieces.length > 3 && pieces.every(({ length }) => length <= 1 << 26));
    const file = join(folder, "large.safetensors");
    saveFile(weights, file);
    const read = loadFile(file).tensors;
    assert.deepEqual(read.get("flipped")?.shape, [1 << 22, 5]);
    assert.ok(
      read
        .get("flipped")!
        .eq(tensor([1, 2, 3, 4, 5]))
        .all()
        .item() === 1,
    );
    assert.equal(read.get("one")?.item(), 7);
  },
);

scopedTest("a file that cannot be written leaves what was there; what is no weights is refused", () => {
  const file = join(folder, "kept.safetensors");
  saveFile(new Map([["w", tensor([1])]]), file);
  const before = readFileSync(file);
  const gone = tensor([2]);
  gone.dispose();
  assert.throws(() => saveFile(new Map([["w", gone]]), file), { name: "TensorDisposedError" });
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith(".tmp")),
    [],
  );
  assert.throws(() => saveFile({ w: tensor([1]) } as unknown as Map<string, Tensor>, file), ArgumentError);
  assert.throws(() => loadFile(join(folder, "none.safetensors")), CheckpointError);
});
