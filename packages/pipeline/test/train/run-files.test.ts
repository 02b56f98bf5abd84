/** The files of two runs of one seed, and of a run that was interrupted, for readers other than ours. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { evaluate } from "../../src/tasks/evaluate.js";
import { train } from "../../src/tasks/train.js";
import { leftovers } from "./kills.js";
import { blankRun, curvesOf, scratch, tinyConfig, tinyDataset, trainHere, weightsOf } from "./support.js";

const folder = scratch();
const at = (name: string) => join(folder, name);
const stages = ["slice", "volume", "fine_tune"] as const;
const config = tinyConfig({ threads: "2", "fine_tune.epochs": "1", "head.views": "1", "slice.mixup": "0.3" });
let data = "";
before(async () => {
  data = await tinyDataset(folder);
});

/** Files whose bytes hold a time: all others must be the same. */
const timed =
  /^(run\.json|checksums\.json|run\.log|metrics\.jsonl|report\.html|checklist\.md|model-card\.md|cost\.json|test-reads\.jsonl|events\.out\.tfevents\..*|checkpoints\/\w+\/last(\.\d\.state|\.json))$/;

test("one seed, two runs, two threads, each with its own cache: identical files, except for the times in those that docs/reference/run-folder.md names", async () => {
  for (const name of ["one", "two"]) {
    process.env["XDG_CACHE_HOME"] = at(`cache of ${name}`);
    await train({ config, data, out: at(name), command: "the same", keepStates: true });
    await evaluate({ run: at(name), command: "the same" });
  }
  const files = (name: string) =>
    readdirSync(at(name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(at(name).length + 1))
      .sort();
  const plain = (name: string) => files(name).filter((file) => !timed.test(file));
  assert.deepEqual(plain("two"), plain("one"));
  assert.ok(plain("one").length > 10, plain("one").join(" "));
  for (const file of plain("one"))
    assert.ok(readFileSync(join(at("one"), file)).equals(readFileSync(join(at("two"), file))), file);
  assert.deepEqual(weightsOf(at("two"), stages), weightsOf(at("one"), stages));
  assert.deepEqual(curvesOf(at("two")), curvesOf(at("one")));
  const metrics = (name: string) => readFileSync(join(at(name), "metrics.json"), "utf8");
  assert.equal(metrics("two"), metrics("one"));
  assert.deepEqual(leftovers(at("one")), []);
});

test("another seed gives other weights from the first step on", () => {
  blankRun(at("one"), at("three"), { ...config, seed: 1 });
  trainHere(at("three"), data);
  const [first, other] = [curvesOf(at("one"))[0]!, curvesOf(at("three"))[0]!];
  assert.notEqual(other["train_loss"], first["train_loss"]);
  assert.notEqual(weightsOf(at("three"), stages)["slice best"], weightsOf(at("one"), stages)["slice best"]);
});

/** A separate reader of TensorBoard's events: the wire format of protocol buffers, field by field. */
function* fields(bytes: Buffer): Generator<{ field: number; value: Buffer | number }> {
  let at = 0;
  const varint = () => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      shift += 7;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, wire] = [key >>> 3, key & 7];
    if (wire === 0) yield { field, value: varint() };
    else if (wire === 1) yield { field, value: bytes.readDoubleLE((at += 8) - 8) };
    else if (wire === 5) yield { field, value: bytes.readFloatLE((at += 4) - 4) };
    else {
      const length = varint();
      yield { field, value: bytes.subarray(at, (at += length)) };
    }
  }
}

function crc32c(bytes: Uint8Array): number {
  let register = 0xffffffff;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0x82f63b78 : 0);
  }
  return (register ^ 0xffffffff) >>> 0;
}
const masked = (bytes: Uint8Array) => {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** Records of an event file, their checksums held. */
function records(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), masked(bytes.subarray(at, at + 8)), `${file} at ${at}: length`);
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), masked(data), `${file} at ${at}: data`);
    found.push(data);
    at += 16 + length;
  }
  return found;
}

test("TensorBoard's events of a run that was stopped and resumed: checksums hold, and a reader finds each number of metrics.jsonl", () => {
  blankRun(at("one"), at("events"));
  trainHere(at("events"), data, { stage: "slice", step: 3 });
  trainHere(at("events"), data);
  const files = readdirSync(at("events")).filter((name) => name.startsWith("events.out.tfevents."));
  assert.equal(files.length, 2);
  const scalars = new Map<string, number>();
  for (const file of files.sort()) {
    const [first, ...rest] = records(join(at("events"), file));
    assert.ok(
      [...fields(first!)].some(({ field, value }) => field === 3 && String(value) === "brain.Event:2"),
      "version first",
    );
    for (const record of rest) {
      const event = new Map([...fields(record)].map(({ field, value }) => [field, value]));
      const time = event.get(1) as number;
      assert.ok(time > 1.6e9 && time <= Date.now() / 1000 + 1);
      for (const { field, value: entry } of fields(event.get(5) as Buffer)) {
        assert.equal(field, 1);
        const value = new Map([...fields(entry as Buffer)].map((one) => [one.field, one.value]));
        scalars.set(
          `${String(value.get(1))} ${(event.get(2) as number | undefined) ?? 0}`,
          (value.get(2) as number | undefined) ?? 0,
        );
      }
    }
  }
  const rows = readFileSync(join(at("events"), "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number | string | null>);
  let compared = 0;
  for (const { stage, epoch, ...numbers } of rows)
    for (const [name, value] of Object.entries(numbers)) {
      const found = scalars.get(`${String(stage)}/${name} ${String(epoch)}`);
      assert.ok(found !== undefined, `${String(stage)}/${name}`);
      if (value === null) assert.ok(Number.isNaN(found));
      else
        assert.equal(
          found,
          Math.fround(value as number),
          `${String(stage)}/${name} of epoch ${String(epoch)}`,
        );
      compared++;
    }
  assert.equal(compared, rows.length * 11);
  let best = -Infinity;
  for (const { stage, epoch, val_macro_f1 } of rows.filter((row) => row["stage"] === "slice")) {
    best = Math.max(best, val_macro_f1 as number);
    assert.equal(
      scalars.get(`${String(stage)}/best_val_macro_f1 ${String(epoch)}`),
      Math.fround(best),
      "the metric that chooses",
    );
  }
  assert.equal(scalars.size, compared + rows.length, "and nothing else");
});
