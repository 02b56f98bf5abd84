/** What a slice model starts from: `slice.pretrained` and `checkpoint`. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { randn, scope, zeros, type Tensor } from "@slicestack/torch";
import { CheckpointError, contiguousStride } from "@slicestack/torch/safetensors";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import { adaptInputChannels } from "../../src/weights/input-channels.js";
import { CustomResNet } from "../../src/models/trunks/custom-resnet.js";
import { loadTrunk, loadWeights } from "../../src/models/load-weights.js";
import { createSliceModel } from "../../src/models/create-by-name.js";
import type { SliceModel } from "../../src/models/trunks/slice-model.js";
import { op, pickle, zipPth } from "../weights/assemble.js";
import { close, digest, leakFree, torchvisionShapes } from "./support.js";

const create = (model: "resnet18" | "resnet50" | "slice_cnn", classes = 2) =>
  createSliceModel({ model, dropout: 0 }, classes, [32, 32]);

/** Random weights under torchvision's resnet18 names, in a file; `change` spoils them first. */
function torchvisionFile(
  folder: string,
  change: (weights: Map<string, Tensor>) => void = () => undefined,
): { file: string; weights: Map<string, Tensor> } {
  const file = join(folder, "resnet18.safetensors");
  const weights = new Map<string, Tensor>();
  for (const [name, shape] of torchvisionShapes([2, 2, 2, 2]))
    weights.set(name, name.endsWith("tracked") ? zeros(shape, { dtype: "int64" }).add(7) : randn(shape));
  change(weights);
  writeSafetensors(file, weights);
  return { file, weights };
}

/** The current values of a model, by name. */
const valuesOf = (model: SliceModel) =>
  scope(() => new Map([...model.stateDict()].map(([name, tensor]) => [name, digest(tensor)])));

function refused(load: () => void, model: SliceModel, file: string, message: RegExp): void {
  const before = valuesOf(model);
  assert.throws(load, (error) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.equal(error.file, file);
    assert.ok(error.message.startsWith(`${file}: `), error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(valuesOf(model), before, "a refused file changes nothing");
}

leakFree(
  "slice.pretrained: a file of torchvision's resnet18 is the trunk; its fc is passed over, the head left fresh",
  (folder) => {
    using model = create("resnet18");
    const { file, weights } = torchvisionFile(folder);
    const before = valuesOf(model);
    loadTrunk(model, file);
    let trunk = 0;
    for (const [name, values] of valuesOf(model)) {
      const given = weights.get(name.replace("resnet.", ""));
      assert.equal(values, given === undefined ? before.get(name) : digest(given), name);
      if (given !== undefined) trunk++;
    }
    assert.equal(trunk, weights.size - 2);
  },
);

leakFree(
  "slice.pretrained: a trunk without fc will do, and so will one without the counts of old files",
  (folder) => {
    using model = create("resnet18");
    const { file, weights } = torchvisionFile(folder, (all) => {
      for (const name of [...all.keys()]) if (/^fc\.|tracked$/.test(name)) all.delete(name);
    });
    loadTrunk(model, file);
    const loaded = valuesOf(model);
    for (const [name, given] of weights) assert.equal(loaded.get(`resnet.${name}`), digest(given), name);
  },
);

const spoilt: [what: string, change: (weights: Map<string, Tensor>) => void, message: RegExp][] = [
  [
    "a missing key",
    (all) => all.delete("layer3.1.conv2.weight"),
    /\(missing: layer3\.1\.conv2\.weight\)\. slice\.pret/,
  ],
  [
    "a wrong shape",
    (all) => all.set("conv1.weight", randn([64, 1, 7, 7])),
    /conv1\.weight \(expected \[64, 3, 7, 7\], received \[64, 1, 7, 7\]\)/,
  ],
  [
    "an unknown key",
    (all) => all.set("layer5.0.conv1.weight", randn([1])),
    /unexpected: layer5\.0\.conv1\.weight/,
  ],
];
for (const [what, change, message] of spoilt) {
  leakFree(`slice.pretrained: ${what} is refused with the file's name, and nothing is changed`, (folder) => {
    using model = create("resnet18");
    const { file } = torchvisionFile(folder, change);
    refused(() => loadTrunk(model, file), model, file, message);
  });
}

for (const channels of [1, 5]) {
  leakFree(
    `slice.pretrained: a trunk of ${channels} channels answers a grey image as torchvision's three-channel one does`,
    (folder) => {
      const { file } = torchvisionFile(folder);
      using colour = create("resnet18");
      using other = createSliceModel({ model: "resnet18", dropout: 0, channels }, 2, [32, 32]);
      loadTrunk(colour, file);
      loadTrunk(other, file);
      assert.ok(colour instanceof CustomResNet && other instanceof CustomResNet);
      const first = (model: CustomResNet, grey_B1HW: Tensor) =>
        model.resnet.conv1.forward(grey_B1HW.expand(-1, model.channels, -1, -1));
      const grey_B1HW = randn([2, 1, 32, 32]);
      close(first(other, grey_B1HW), first(colour, grey_B1HW), 1e-5);
      const rest = (model: CustomResNet) =>
        [...valuesOf(model)].filter(([name]) => name.startsWith("resnet.") && name !== "resnet.conv1.weight");
      assert.deepEqual(rest(other), rest(colour));
    },
  );
}

leakFree("input channels: three stay as they are, and others share the sum of the old ones equally", () => {
  const weight_OIhw = randn([4, 3, 7, 7], { dtype: "float64" });
  assert.equal(digest(adaptInputChannels(weight_OIhw, 3)), digest(weight_OIhw));
  for (const channels of [1, 2, 5, 9]) {
    const adapted_OChw = adaptInputChannels(weight_OIhw, channels);
    assert.deepEqual(adapted_OChw.shape, [4, channels, 7, 7]);
    for (const part of adapted_OChw.split(1, 1)) close(part.mul(channels), weight_OIhw.sum(1, true), 1e-12);
  }
});

leakFree(
  "slice.pretrained: another depth, a missing file, an invalid file and a model without a trunk are refused",
  (folder) => {
    const { file } = torchvisionFile(folder);
    using deeper = create("resnet50");
    refused(() => loadTrunk(deeper, file), deeper, file, /missing: .* and \d+ more; .*other shape/);
    using model = create("resnet18");
    const [absent, text] = [join(folder, "absent.safetensors"), join(folder, "resnet18.pth")];
    refused(() => loadTrunk(model, absent), model, absent, /not found/);
    writeFileSync(text, "PK\x03\x04 not an archive at all");
    refused(() => loadTrunk(model, text), model, text, /is a damaged zip archive/);
    using small = create("slice_cnn");
    refused(() => loadTrunk(small, file), small, file, /no pretrained weights for this slice model/);
  },
);

leakFree(
  "checkpoint: the whole slice model of another run, classifier included, with the metadata it was saved with",
  (folder) => {
    const file = join(folder, "best.safetensors");
    using saved = create("slice_cnn", 3);
    const written = writeSafetensors(file, saved.stateDict(), { split: "abc" });
    using model = create("slice_cnn", 3);
    assert.notDeepEqual(valuesOf(model), valuesOf(saved));
    assert.deepEqual(loadWeights(model, file), { hash: written, metadata: { split: "abc" }, notes: [] });
    assert.deepEqual(valuesOf(model), valuesOf(saved));
  },
);

leakFree(
  "checkpoint: other classes, another model and a missing file are refused with the file's name",
  (folder) => {
    const file = join(folder, "best.safetensors");
    using saved = create("slice_cnn", 3);
    writeSafetensors(file, saved.stateDict());
    using fewer = create("slice_cnn", 2);
    refused(
      () => loadWeights(fewer, file),
      fewer,
      file,
      /fc3\.weight \(expected \[2, 128\], received \[3, 128\]\)/,
    );
    using other = create("resnet18", 3);
    refused(
      () => loadWeights(other, file),
      other,
      file,
      /missing: .*unexpected: .*The file looks like 2d_cnn or slice_cnn \(3 cl/,
    );
    const absent = join(folder, "absent.safetensors");
    refused(() => loadWeights(fewer, absent), fewer, absent, /not found/);
  },
);

/** The tensors as torch.save would have written them, below `model_state_dict` and with DataParallel's prefix. */
function pthFile(folder: string, weights: ReadonlyMap<string, Tensor>): string {
  const storages: Record<string, Uint8Array> = {};
  const entries: Record<string, Uint8Array> = {};
  for (const [name, tensor] of weights) {
    const [key, { shape, numel }] = [String(Object.keys(storages).length), tensor];
    const values = tensor.toTypedArray();
    storages[key] = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const type = tensor.dtype === "int64" ? "LongStorage" : "FloatStorage";
    entries[`module.${name}`] = op.tensor(op.storage(type, key, numel), 0, shape, contiguousStride(shape));
  }
  const file = join(folder, "best_model.pth");
  writeFileSync(
    file,
    zipPth(pickle(op.dict({ model_state_dict: op.dict(entries), epoch: op.int(7) })), storages),
  );
  return file;
}

leakFree(
  "checkpoint: a .pth of a slice model is loaded like a file of a run, with the choices in notes",
  (folder) => {
    using saved = create("slice_cnn", 3);
    const file = pthFile(folder, saved.stateDict());
    using model = create("slice_cnn", 3);
    const { metadata, notes } = loadWeights(model, file);
    assert.deepEqual(valuesOf(model), valuesOf(saved));
    assert.deepEqual(metadata, { epoch: "7" });
    assert.deepEqual(notes, [
      'The weights are those of "model_state_dict".',
      '"module." was removed from the names.',
    ]);
    using fewer = create("slice_cnn", 2);
    refused(
      () => loadWeights(fewer, file),
      fewer,
      file,
      /fc3\.weight \(expected \[2, 128\], received \[3, 128\]\)/,
    );
  },
);

leakFree(
  "slice.pretrained: a .pth of torchvision's resnet18 gives the same trunk as its safetensors",
  (folder) => {
    const { file, weights } = torchvisionFile(folder);
    using a = create("resnet18");
    using b = create("resnet18");
    loadTrunk(a, file);
    loadTrunk(b, pthFile(folder, weights));
    const trunkOf = (model: SliceModel) =>
      [...valuesOf(model)].filter(([name]) => name.startsWith("resnet."));
    assert.deepEqual(trunkOf(b), trunkOf(a));
  },
);

leakFree("checkpoint: a file that would run something is refused, and nothing is changed", (folder) => {
  using model = create("slice_cnn");
  const file = join(folder, "evil.pth");
  writeFileSync(file, zipPth(pickle(op.call("os", "system", op.text("true")))));
  refused(
    () => loadWeights(model, file),
    model,
    file,
    /os\.system, not weights; no code of the file was executed/,
  );
});
