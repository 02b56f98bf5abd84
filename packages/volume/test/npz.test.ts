import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import {
  blobSource,
  isMedmnist,
  Medmnist,
  openNpz,
  VolumeFormatError,
  type MedmnistPart,
} from "../src/index.js";
import { openNpzFile } from "../src/node.js";
import { fixture, realData, temporaryFolder } from "./fixtures.js";
import { python, without } from "./python.js";
import { zipOf } from "./zip-writer.js";

const numpy = without("numpy");

const WRITE = `
import sys, numpy as np
arrays = {"a": np.arange(24).reshape(2, 3, 4), "b": np.float32([1.5, 2.5]), "objects": np.array([None, {}], dtype=object), "f": np.asfortranarray(np.arange(60).reshape(5, 4, 3).astype(">i2"))}
np.savez(sys.argv[1] + "/plain.npz", **arrays); np.savez_compressed(sys.argv[1] + "/small.npz", **arrays); print(1)
`;

test(
  "openNpzFile: numpy.savez and savez_compressed: names, types, shapes, values",
  { skip: numpy },
  async () => {
    await using folder = await temporaryFolder();
    python<number>(WRITE, folder.path);
    for (const file of ["plain.npz", "small.npz"]) {
      await using opened = await openNpzFile(join(folder.path, file));
      const { npz } = opened;
      const facts = [...npz.arrays].map(([name, { dtype, shape }]) => [name, dtype, shape]);
      assert.deepEqual(facts, [
        ["a", "int64", [2, 3, 4]],
        ["b", "float32", [2]],
        ["f", "int16", [5, 4, 3]],
      ]);
      const counted = (n: number) => Array.from({ length: n }, (_, i) => i);
      assert.deepEqual(Array.from((await npz.array("a").read()).data), counted(24));
      assert.deepEqual(Array.from((await npz.array("a").readRange(1, 1)).data), counted(24).slice(12));
      assert.deepEqual(Array.from((await npz.array("f").readRange(1, 2)).data), counted(36).slice(12));
      assert.throws(() => npz.array("objects"), /objects\.npy.*Python objects/);
      assert.throws(() => npz.array("c"), /expected an array c, it holds a, b, f/);
      const inMemory = await openNpz(blobSource(new Blob([await readFile(join(folder.path, file))])));
      assert.deepEqual(await inMemory.array("f").read(), await npz.array("f").read());
    }
  },
);

test("openNpzFile refuses a zip without arrays, and files that are not zip archives", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "a.npz");
  const refused = (words: RegExp) => (error: unknown) =>
    error instanceof VolumeFormatError && error.format === "npz" && words.test(error.message);
  await writeFile(path, zipOf([{ name: "a.txt", data: new Uint8Array(3) }]));
  await assert.rejects(openNpzFile(path), refused(/expected \.npy arrays/));
  await writeFile(path, await readFile(fixture("npy_int16.npy")));
  await assert.rejects(openNpzFile(path), refused(/damaged/));
});

const folder = realData("adrenalmnist3d");

/** The hash of each volume of a part, and its facts, by numpy. */
const FACTS = `
import hashlib, json, sys, numpy as np
z = np.load(sys.argv[1]); facts = {}
for part in ["train", "val", "test"]:
    images, labels = z[part + "_images"], z[part + "_labels"]
    take = range(len(images)) if part == "val" else [0, 1, len(images) // 2, len(images) - 1]
    facts[part] = {"shape": list(images.shape), "dtype": images.dtype.name, "sum": int(images.sum(dtype=np.int64)), "labels": labels[:, 0].tolist(),
                   "sha256": {str(i): hashlib.sha256(images[i].tobytes()).hexdigest() for i in take}}
print(json.dumps(facts))
`;
interface PartFacts {
  shape: number[];
  dtype: string;
  sum: number;
  labels: number[];
  sha256: Record<string, string>;
}

for (const file of ["adrenalmnist3d.npz", "adrenalmnist3d_64.npz"]) {
  const path = join(folder, file);
  const skip = numpy || (existsSync(path) ? false : `no ../shared/data/adrenalmnist3d/${file}`);

  test(`Medmnist on ${file}: split, labels, shapes, sums and hashes as numpy's`, { skip }, async () => {
    const facts = python<Record<MedmnistPart, PartFacts>>(FACTS, path);
    await using opened = await openNpzFile(path);
    assert.ok(isMedmnist(opened.npz));
    const set = await Medmnist.open(opened.npz);
    let most = 0;
    for (const part of ["train", "val", "test"] as const) {
      const { shape, dtype, sum, labels, sha256 } = facts[part];
      const known = set.volumes.filter((volume) => volume.part === part);
      assert.deepEqual(
        known.map(({ label }) => label),
        labels,
      );
      assert.equal(opened.npz.array(`${part}_images`).dtype, dtype);
      assert.deepEqual([known.length, ...(known[0]?.shape.toReversed() ?? [])], shape);
      let [total, count, checked] = [0, 0, 0];
      for await (const { index, label, volume } of set.inOrder(part)) {
        assert.equal(index, count++);
        assert.equal(label, labels[index]);
        for (const value of volume.data) total += value;
        const expected = sha256[`${index}`];
        if (expected === undefined) continue;
        checked++;
        assert.equal(createHash("sha256").update(volume.data).digest("hex"), expected, `${part} ${index}`);
        most = Math.max(most, process.memoryUsage().arrayBuffers);
      }
      assert.deepEqual([total, count, checked], [sum, labels.length, Object.keys(sha256).length], part);
    }
    // train_images of the larger file has 311 MB.
    assert.ok(most < 150e6, `${most} bytes of arrays at once`);
    const alone = await set.read("val", 7);
    assert.equal(createHash("sha256").update(alone.data).digest("hex"), facts.val.sha256["7"]);
    assert.equal(alone.unit, "arbitrary");
  });
}

test(
  "Medmnist refuses 2D sets, labels of the wrong size, and files without its arrays",
  { skip: numpy },
  async () => {
    await using temporary = await temporaryFolder();
    const program = `import sys, json, numpy as np
def save(name, images, labels, parts=("train", "val", "test")):
    np.savez(sys.argv[1] + "/" + name, **{f"{p}_images": images for p in parts}, **{f"{p}_labels": labels for p in parts})
save("flat.npz", np.zeros((3, 28, 28), np.uint8), np.zeros((3, 1), np.uint8))
save("multi.npz", np.zeros((3, 8, 8, 8), np.uint8), np.zeros((3, 14), np.uint8))
save("few.npz", np.zeros((3, 8, 8, 8), np.uint8), np.zeros((2, 1), np.uint8))
save("minus.npz", np.zeros((3, 8, 8, 8), np.uint8), -np.ones((3, 1), np.int8))
save("part.npz", np.zeros((3, 8, 8, 8), np.uint8), np.zeros((3, 1), np.uint8), ("train",))
print(1)`;
    python<number>(program, temporary.path);
    for (const [file, words] of [
      ["flat.npz", /expected 3D images/],
      ["multi.npz", /expected one label/],
      ["few.npz", /expected one label for each of 3 volumes/],
      ["minus.npz", /labels 0, 1, 2 …, train_labels holds -1/],
      ["part.npz", /expected an array val_images/],
    ] as const) {
      await using opened = await openNpzFile(join(temporary.path, file));
      await assert.rejects(
        Medmnist.open(opened.npz),
        (error) => error instanceof VolumeFormatError && words.test(error.message),
        file,
      );
    }
  },
);
