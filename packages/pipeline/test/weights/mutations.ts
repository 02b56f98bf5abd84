/** Weights files of PyTorch, spoilt at random: what reading them may end in. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { liveTensors, scope, type Tensor } from "@slicestack/torch";
import { Random } from "@slicestack/stats";
import { CheckpointError, itemBytes, WeightsFile } from "@slicestack/torch/safetensors";
import { readArchive } from "../../src/weights/pth/archive.js";
import { readWeights } from "../../src/weights/weights.js";
import { digest } from "../models/support.js";
import { zipPth } from "./assemble.js";
import { fixtures, write } from "./support.js";

/**
 * `zip`: whole archives, where every byte that matters has a checksum; `pickle`: data.pkl alone, its checksum set right
 * again; `legacy` and `safetensors`: formats without checksums.
 */
export type Kind = "zip" | "pickle" | "legacy" | "safetensors";

const names = ["plain", "nested", "views", "dtypes", "protocol4", "parameters", "numpy", "data_parallel"];

/** Reads `rounds` spoilt files. @returns how many were read and refused; everything else is an assertion */
export function spoil(
  kind: Kind,
  rounds: number,
  seed: number,
  folder: string,
): { read: number; refused: number } {
  const random = new Random(seed).fork(kind);
  const outcomes = { read: 0, refused: 0 };
  const before = liveTensors();
  for (let round = 0; round < rounds; round++) {
    const name = random.pick(names);
    const [make, original] = source(kind, name);
    const data = make((bytes) => mutated(bytes, random));
    const file = write(folder, `${kind}.pth`, data);
    const what = `${kind}, seed ${seed}, round ${round}, ${name}`;
    try {
      scope(() => {
        const { tensors, notes } = readWeights(file);
        for (const [key, tensor] of tensors) check(tensor, data.length, `${what}, ${key}`);
        if (kind !== "zip") return;
        const whole = readWeights(original);
        assert.deepEqual(digests(tensors), digests(whole.tensors), what);
        assert.deepEqual(notes, whole.notes, what);
      });
      outcomes.read++;
    } catch (error) {
      assert.ok(
        error instanceof CheckpointError,
        `${what}: ${error instanceof Error ? (error.stack ?? "") : String(error)}`,
      );
      assert.ok(error.message.startsWith(`${file}: `), error.message);
      assert.ok(
        error.message.length < 2000 + file.length,
        `${what}: a message of ${error.message.length} characters`,
      );
      outcomes.refused++;
    }
    assert.equal(liveTensors(), before, what);
  }
  return outcomes;
}

type Make = (change: (bytes: Buffer) => Buffer) => Buffer;

function source(kind: Kind, name: string): [make: Make, original: string] {
  const zip = join(fixtures, "pth", `${name}_zip.pth`);
  if (kind === "zip") return [(change) => change(readFileSync(zip)), zip];
  if (kind === "pickle") return [(change) => withPickle(zip, change), zip];
  const file =
    kind === "legacy" ? join(fixtures, "pth", `${name}_legacy.pth`) : join(fixtures, "dtypes.safetensors");
  return [(change) => change(readFileSync(file)), file];
}

/** The archive with another data.pkl and correct checksums. */
function withPickle(zip: string, change: (bytes: Buffer) => Buffer): Buffer {
  using file = new WeightsFile(zip);
  const parts = [...readArchive(file).values()].map(({ name, at, bytes }): [string, Buffer] => [
    name.slice(name.indexOf("/") + 1),
    Buffer.from(file.read(at, bytes)),
  ]);
  const storages = parts
    .filter(([name]) => name.startsWith("data/"))
    .map(([name, data]) => [name.slice(5), data]);
  const dataPkl = new Map(parts).get("data.pkl") ?? Buffer.alloc(0);
  return zipPth(change(dataPkl), Object.fromEntries(storages) as Record<string, Buffer>);
}

/** One to four changes: a flipped bit, a byte of an unpleasant value, eight of them, bytes taken out, doubled or moved, or a cut. */
function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = random.integer(1, 4); changes > 0 && result.length > 1; changes--) {
    const at = random.integer(0, result.length - 1);
    const count = random.integer(1, 12);
    const part = result.subarray(at, at + count);
    switch (random.integer(0, 6)) {
      case 0:
        result[at] = (result[at] ?? 0) ^ (1 << random.integer(0, 7));
        break;
      case 1:
        result[at] = random.pick([0, 1, 0x28, 0x2e, 0x51, 0x52, 0x62, 0x63, 0x7f, 0x80, 0x8a, 0x95, 0xff]);
        break;
      case 2:
        result.subarray(at, at + random.pick([2, 4, 8])).fill(random.pick([0, 0x7f, 0xff]));
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + count)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), part, result.subarray(at)]);
        break;
      case 5:
        Buffer.from(part).copy(result, random.integer(0, result.length - 1));
        break;
      default:
        if (random.chance(0.3)) result = result.subarray(0, at);
    }
  }
  return result;
}

/** A tensor that a file of this size can hold, and whose every value can be read. */
function check(tensor: Tensor, fileBytes: number, what: string): void {
  assert.ok(tensor.numel * itemBytes[tensor.dtype] <= fileBytes, what);
  assert.equal(tensor.toTypedArray().length, tensor.numel, what);
}

const digests = (tensors: ReadonlyMap<string, Tensor>) =>
  [...tensors].map(([name, tensor]) => [name, tensor.dtype, tensor.shape, digest(tensor)]);
