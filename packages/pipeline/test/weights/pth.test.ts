/** Files that torch.save wrote, in both formats, against the values that PyTorch 1.13 sees in them (fixtures/weights/pth.py). */
import assert from "node:assert/strict";
import { join } from "node:path";
import { liveTensors, scope } from "@slicestack/torch";
import { test } from "node:test";
import { describeWeights, weightsText } from "../../src/models/describe-weights.js";
import { readWeights } from "../../src/weights/weights.js";
import { leakFree } from "../models/support.js";
import { bytes, legacyPth, little, op, pickle, zip, zipPth } from "./assemble.js";
import { expectedFixtures, fixtures, refused, spelled, write } from "./support.js";

const expected = expectedFixtures("pth.json");
const read = Object.entries(expected).filter(([name]) => !name.startsWith("refused"));

for (const [name, { format, tensors }] of read) {
  leakFree(`${name}: names, types, shapes and values are PyTorch's`, () => {
    const weights = readWeights(join(fixtures, "pth", name));
    assert.equal(weights.format, format);
    assert.deepEqual([...weights.tensors.keys()], Object.keys(tensors));
    for (const [key, { dtype, shape, values }] of Object.entries(tensors)) {
      const tensor = weights.tensors.get(key);
      assert.ok(tensor !== undefined);
      assert.equal(tensor.dtype, dtype, key);
      assert.deepEqual(tensor.shape, shape, key);
      assert.deepEqual(spelled(tensor.toTypedArray()), values, key);
      assert.ok(tensor.isContiguous, key);
    }
  });
}

test("the fixtures hold each kind in both formats", () => {
  const kinds = [
    "plain",
    "protocol3",
    "protocol4",
    "protocol5",
    "nested",
    "data_parallel",
    "lightning",
    "views",
    "dtypes",
    "parameters",
    "numpy",
  ];
  const wanted = kinds.flatMap((kind) => [`${kind}_zip.pth`, `${kind}_legacy.pth`]);
  assert.deepEqual(read.map(([name]) => name).sort(), wanted.sort());
  const dtypes = Object.values(expected["dtypes_zip.pth"]?.tensors ?? {}).map(({ dtype }) => dtype);
  assert.equal(new Set(dtypes).size, 10);
});

for (const kind of ["zip", "legacy"]) {
  const file = (name: string) => join(fixtures, "pth", `${name}_${kind}.pth`);

  test(`${kind}: the state dict of a checkpoint is read, and all other entries are listed`, () => {
    const { notes, others, metadata, tensors, model } = describeWeights(file("nested"));
    assert.deepEqual(notes, ['The weights are those of "state_dict".']);
    const values = Object.fromEntries(others.map(({ name, value }) => [name, value]));
    assert.deepEqual(values, {
      epoch: "12",
      optimizer: "a dict of 2",
      best_acc: "0.875",
      classes: "a list of 2",
      size: "a tuple of 3",
      finished: "true",
      note: '"näher"',
      large: "1180591620717411303424",
      lr: "0.001",
      dtype: '"torch.float16"',
      device: '"cpu"',
      none: "None",
      pair: "a tuple of 2",
      set: kind === "legacy" ? "a list of 2" : "None",
      bytes: "4 bytes",
    });
    assert.equal(metadata["epoch"], "12");
    assert.equal(metadata["best_acc"], "0.875");
    assert.equal(metadata["note"], "näher");
    assert.equal(tensors.length, 9);
    assert.equal(model, null);
  });

  test(`${kind}: DataParallel's and Lightning's prefixes are removed, with a note`, () => {
    assert.deepEqual(describeWeights(file("data_parallel")).notes, [
      'The weights are those of "model_state_dict".',
      '"module." was removed from the names.',
    ]);
    const { notes, others } = describeWeights(file("lightning"));
    assert.deepEqual(notes, [
      'The weights are those of "state_dict".',
      '"model." was removed from the names; tensors without it were left out.',
    ]);
    assert.ok(others.some(({ name, value }) => name === "loss.weight" && value === "a tensor, float32 [2]"));
  });

  test(`${kind}: numpy's numbers beside the weights are read to the last digit`, () => {
    const { metadata } = describeWeights(file("numpy"));
    assert.deepEqual(metadata, {
      float32: "0.5",
      float64: "0.1",
      int8: "-3",
      int16: "-300",
      int32: "-70000",
      int64: "-1099511627776",
      uint8: "200",
      uint16: "60000",
      uint32: "4000000000",
      uint64: "9223372036854775808",
      bool: "true",
    });
  });

  leakFree(`${kind}: the same view under two names is in memory once`, () => {
    const { tensors } = readWeights(file("views"));
    const [base, tied] = [tensors.get("base"), tensors.get("tied")];
    assert.ok(base !== undefined && tied !== undefined);
    base.fill_(5);
    assert.equal(tied.toArray()[0], 5);
  });

  test(`${kind}: whole models, several state dicts, none, complex and expanded tensors are refused with what to do`, () => {
    const save = /torch\.save\(model\.state_dict\(\), "weights\.pth"\)/;
    refused(
      file("refused_model"),
      /holds an object made by theirs\.Net, not weights; no code of the file was executed/,
    );
    refused(file("refused_model"), save);
    refused(
      file("refused_model_inside"),
      /names theirs\.Net, which weights do not need; no code of the file was executed/,
    );
    refused(
      file("refused_gan"),
      /several state dicts: generator, discriminator\. .*torch\.load\(FILE\)\["generator"\]/,
    );
    refused(file("refused_empty"), /does not contain a state dict; it has epoch/);
    refused(file("refused_tensor"), /holds a tensor, float32 \[2\], not a state dict/);
    refused(
      file("refused_complex"),
      /values of the type torch\.ComplexFloatStorage, which is not read.*tensor\.float\(\)/,
    );
    refused(file("refused_expanded"), /repeats the 1 values of its storage to 1000/);
  });
}

test("a whole model of PyTorch's own layers is refused by the name of its class", () => {
  refused(
    join(fixtures, "pth", "refused_sequential.pth"),
    /made by torch\.nn\.modules\.container\.Sequential, not weights/,
  );
});

const four = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);

leakFree("names that Python 2 wrote as byte strings, and an OrderedDict from pairs, are read", (folder) => {
  const name = (text: string) => bytes("U", text.length, text);
  const long = bytes("T", little(6, 4), "w.long");
  const storage = op.storageLegacy("FloatStorage", "a", 4);
  const pairs = bytes(
    "](",
    bytes("](", name("w"), op.tensor(storage, 0, [4], [1]), "e"),
    op.tuple(long, op.tensor(storage, 1, [2], [2])),
    "e",
  );
  const object = pickle(op.call("collections", "OrderedDict", pairs));
  const { tensors } = readWeights(write(folder, "python2.pth", legacyPth(object, { a: [4, four] })));
  assert.deepEqual([...tensors.keys()], ["w", "w.long"]);
  assert.deepEqual(tensors.get("w.long")?.toArray(), [2, 4]);
});

leakFree(
  "a checkpoint within a checkpoint, and prefixes within prefixes, are followed, with notes",
  (folder) => {
    const w = op.tensor(op.storage("FloatStorage", "0", 4), 0, [2, 2], [2, 1]);
    const inner = op.dict({
      state_dict: op.dict({ "module.model.w": w }),
      optimizer: bytes("}"),
      lr: op.int(3),
    });
    const file = write(
      folder,
      "deep.pth",
      zipPth(pickle(op.dict({ model: inner, epoch: op.int(2) })), { "0": four }),
    );
    const { tensors, notes, others } = readWeights(file);
    assert.deepEqual([...tensors.keys()], ["w"]);
    assert.deepEqual(notes, [
      'The weights are those of "model.state_dict".',
      '"module." was removed from the names.',
      '"model." was removed from the names.',
    ]);
    assert.deepEqual(
      others.map(({ name }) => name),
      ["epoch", "model.optimizer", "model.lr"],
    );
  },
);

leakFree(
  "a single state dict with an unusual name is accepted, and a plain one keeps its names",
  (folder) => {
    const w = op.tensor(op.storage("FloatStorage", "0", 4), 0, [4], [1]);
    const ema = write(
      folder,
      "ema.pth",
      zipPth(pickle(op.dict({ ema_weights: op.dict({ w }), epoch: op.int(2) })), { "0": four }),
    );
    assert.deepEqual(readWeights(ema).notes, ['The weights are those of "ema_weights".']);
    const plain = write(
      folder,
      "plain.pth",
      zipPth(pickle(op.dict({ "model.w": w, "head.w": w })), { "0": four }),
    );
    assert.deepEqual([...readWeights(plain).tensors.keys()], ["model.w", "head.w"]);
  },
);

leakFree("numbers beside plain weights are not mistaken for weights", (folder) => {
  const w = op.tensor(op.storage("FloatStorage", "0", 4), 0, [4], [1]);
  const file = write(folder, "mixed.pth", zipPth(pickle(op.dict({ w, epoch: op.int(2) })), { "0": four }));
  const { tensors, others, metadata } = readWeights(file);
  assert.deepEqual([...tensors.keys()], ["w"]);
  assert.deepEqual(others, [{ name: "epoch", value: "2" }]);
  assert.deepEqual(metadata, { epoch: "2" });
});

leakFree(
  "the additions of PyTorch 2 to the archive are ignored, and an archive without checksums is read, with a note",
  (folder) => {
    const w = op.tensor(op.storage("FloatStorage", "0", 4), 0, [4], [1]);
    const parts = [
      { name: "w/data.pkl", data: pickle(op.dict({ w })) },
      { name: "w/.format_version", data: Buffer.from("1") },
      { name: "w/.storage_alignment", data: Buffer.from("64") },
      { name: "w/byteorder", data: Buffer.from("little") },
      { name: "w/data/0", data: four },
      { name: "w/version", data: Buffer.from("3\n") },
      { name: "w/.data/serialization_id", data: Buffer.alloc(40, "7") },
    ];
    const checked = readWeights(write(folder, "checked.pth", zip(parts)));
    assert.deepEqual([checked.tensors.get("w")?.toArray(), checked.notes], [[1, 2, 3, 4], []]);
    const unchecked = zip(parts.map((part) => ({ ...part, checksum: 0 })));
    const { tensors, notes } = readWeights(write(folder, "unchecked.pth", unchecked));
    assert.deepEqual(
      [tensors.get("w")?.toArray(), notes],
      [[1, 2, 3, 4], ["The file was saved without checksums."]],
    );
    const some = zip(parts.map((part) => (part.name === "w/data/0" ? { ...part, checksum: 0 } : part)));
    refused(write(folder, "some.pth", some), /storage 0 do not have the checksum/);
  },
);

leakFree("only the tensors that are asked for are read", () => {
  const file = join(fixtures, "pth", "plain_zip.pth");
  assert.deepEqual(
    [...readWeights(file, (name) => name.startsWith("fc.")).tensors.keys()],
    ["fc.weight", "fc.bias"],
  );
});

test("without a scope around, tensors live on until they are disposed", () => {
  const before = liveTensors();
  const { tensors } = readWeights(join(fixtures, "pth", "plain_zip.pth"));
  assert.equal(liveTensors(), before + 9);
  for (const tensor of tensors.values()) tensor.dispose();
  assert.equal(liveTensors(), before);
});

test("the description in lines names format, size, choices and what was left out", () => {
  const text = scope(() => weightsText(describeWeights(join(fixtures, "pth", "nested_legacy.pth"))));
  assert.match(text, /nested_legacy\.pth: torch\.save before PyTorch 1\.6, 0\.0 MB, 9 tensors, 43 values/);
  assert.match(text, /Model: not recognised/);
  assert.match(text, /The weights are those of "state_dict"\./);
  assert.match(text, /left out:\n {2}epoch: 12\n/);
});
