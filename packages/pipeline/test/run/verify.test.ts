/** Bytes that change: noticed by the name of the file, by verify in every file there is, and by what reads them. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { before, test } from "node:test";
import { makeSplit } from "../../src/data/split/holdout.js";
import { readSplits, writeSplit } from "../../src/data/split/split.js";
import { openDataset } from "../../src/data/store.js";
import { compareRuns } from "../../src/tasks/compare-runs.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { onNotice } from "../../src/engine/notices.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { verify } from "../../src/tasks/verify.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, tinyDataset } from "../train/support.js";

const folder = scratch();
const config = smallConfig({
  "head.epochs": "1",
  "slice.epochs": "1",
  "slice.dropout": "0",
  "head.dropout": "0",
});
const quick = { resamples: 20, images: false };
let [data, run] = ["", ""];

before(async () => {
  data = await tinyDataset(folder);
  writeSplit(openDataset(data), makeSplit(openDataset(data), config.split));
  run = join(folder, "run");
  await train({ config, data, out: run });
  await evaluate({ run, ...quick });
});

const filesOf = (root: string) =>
  (readdirSync(root, { recursive: true }) as string[])
    .filter((name) => statSync(join(root, name)).isFile())
    .sort();

function flip(file: string, at: number, bit = 2): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1 << bit;
  writeFileSync(file, bytes);
}

/** Runs with the data set or the run as it was, but for one change. */
async function changed(root: string, change: () => void, body: () => Promise<void>): Promise<void> {
  const kept = mkdtempSync(join(folder, "kept-"));
  cpSync(root, kept, { recursive: true, preserveTimestamps: true });
  try {
    change();
    await body();
  } finally {
    rmSync(root, { recursive: true });
    cpSync(kept, root, { recursive: true, preserveTimestamps: true });
    rmSync(kept, { recursive: true });
  }
}

test("verify: an unchanged data set and run: every file is checked, none has a problem", async () => {
  for (const root of [data, run]) {
    const { checked, problems, unchecked } = await verify(root);
    assert.deepEqual([problems, unchecked], [[], []]);
    assert.deepEqual([...checked].sort(), filesOf(root));
  }
});

test("verify: a flipped bit at the start, in the middle and at the end of every file of both is noticed and named", async () => {
  let flips = 0;
  for (const root of [data, run])
    for (const name of filesOf(root)) {
      const file = join(root, name);
      const whole = readFileSync(file);
      for (const at of [0, whole.length >> 1, whole.length - 1]) {
        flip(file, at, flips % 8);
        const { problems } = await verify(root);
        writeFileSync(file, whole);
        const named = problems.filter(({ message }) => message.includes(basename(name)));
        assert.ok(named.length > 0, `${name}, byte ${at}, bit ${flips % 8}: ${JSON.stringify(problems)}`);
        flips++;
      }
    }
  assert.ok(flips > 100, `${flips} flips`);
});

test("every byte around the seals of dataset.json, split.json and run.json: a changed one is refused where the file is read", () => {
  for (const [file, read] of [
    [join(data, "dataset.json"), () => openDataset(data)],
    [join(data, "split.json"), () => readSplits(join(data, "split.json"))],
    [runPaths(run).record, () => readRecord(run)],
  ] as const) {
    const whole = readFileSync(file);
    // Around the seal each byte, before it some.
    for (let at = 0; at < whole.length; at += at < whole.length - 90 ? 31 : 1) {
      flip(file, at, at % 7);
      assert.throws(
        read,
        (error) => error instanceof Error && error.message.includes(basename(file)),
        `${file} byte ${at}`,
      );
      writeFileSync(file, whole);
    }
    read();
  }
});

test("verify: a foreign folder is refused; a truncated file and a missing one are named", async () => {
  await assert.rejects(verify(folder), /is not a data set, run or group/);
  await changed(
    run,
    () => (writeFileSync(join(run, "predictions.csv"), "model\n"), rmSync(join(run, "cost.json"))),
    async () => {
      const { problems } = await verify(run);
      assert.deepEqual(
        problems.map(({ file }) => file),
        ["cost.json", "predictions.csv"],
      );
      assert.match(problems[0]!.message, /is missing/);
    },
  );
});

/** What evaluate or a training reads, and what each says of it. */
for (const [name, flaw] of Object.entries({
  "run.json": /run\.json: expected the JSON that was written \(its content does not match the SHA-256/,
  "config.yaml": /config\.yaml: was changed after training had begun/,
  "split.json": /split\.json: expected a split \(.*\)\. Put the old file back, or train a new run\./,
  "metrics.jsonl": /metrics\.jsonl: was changed after it was written/,
  "checkpoints/slice/best.safetensors": /slice\/best\.safetensors/,
  "checkpoints/volume/best.safetensors": /volume\/best\.safetensors/,
  "checkpoints/volume/best.sha256": /best\.sha256/,
}))
  test(`evaluate: a flipped bit in the run's ${name} is refused, with its name`, async () => {
    const file = join(run, name);
    await changed(
      run,
      () =>
        flip(
          file,
          name === "config.yaml" ? readFileSync(file, "utf8").indexOf("0.001") + 4 : statSync(file).size >> 1,
          0,
        ),
      async () => assert.rejects(evaluate({ run, ...quick }), flaw),
    );
  });

test("labels of the test set that are edited in subjects.csv are refused by audit, train and evaluate: no score on them", async () => {
  const file = join(data, "subjects.csv");
  const edited = readFileSync(file, "utf8").replace(/^(\d+,[^,]+,)\d/m, (_, start: string) => `${start}4`);
  const flaw = /subjects\.csv: its content was changed after the data set was prepared.*prepare again/;
  await changed(
    data,
    () => writeFileSync(file, edited),
    async () => {
      assert.throws(() => openDataset(data), flaw);
      await assert.rejects(evaluate({ run, ...quick }), flaw);
      await assert.rejects(train({ config, data, out: join(folder, "never") }), flaw);
    },
  );
  assert.ok(!existsSync(join(folder, "never")));
});

test("a flipped voxel ends training before its folder is created, and an evaluation, each with the id of the volume", async () => {
  const file = join(data, "slices.npy");
  await changed(
    data,
    () => flip(file, statSync(file).size - 700),
    async () => {
      const flaw = /slices\.npy: the voxels of \d+ differ from those that were prepared/;
      await assert.rejects(train({ config, data, out: join(folder, "never") }), flaw);
      await assert.rejects(evaluate({ run, ...quick }), flaw);
    },
  );
  assert.ok(!existsSync(join(folder, "never")));
});

test("damaged cached embeddings are computed again, with a notice; the predictions are the same bytes", async () => {
  const cache = join(process.env["XDG_CACHE_HOME"]!, "slicestack/embeddings");
  const files = readdirSync(cache);
  assert.ok(files.length > 0);
  for (const name of files) flip(join(cache, name), statSync(join(cache, name)).size - 300);
  const predictions = readFileSync(runPaths(run).predictions, "utf8");
  const said: string[] = [];
  onNotice((text) => said.push(text));
  await evaluate({ run, ...quick });
  onNotice(null);
  assert.ok(
    said.some((text) => /embeddings\/.*is damaged; its content is computed again/.test(text)),
    said.join(),
  );
  assert.equal(readFileSync(runPaths(run).predictions, "utf8"), predictions);
});

test("edited predictions are refused when runs are compared", async () => {
  const twin = join(folder, "twin");
  cpSync(run, twin, { recursive: true });
  const file = join(twin, "predictions.csv");
  flip(file, statSync(file).size - 5, 0);
  const flaw = /twin\/predictions\.csv: was changed after it was written.*slicestack evaluate/;
  await assert.rejects(compareRuns({ runs: [run, twin], out: join(folder, "compared") }), flaw);
});

test("a data set and a run without hashes, of an earlier version, open, are scored, and are reported once as unchecked", async () => {
  const old = { data: join(folder, "old-data"), run: join(folder, "old-run") };
  cpSync(data, old.data, { recursive: true });
  cpSync(run, old.run, { recursive: true });
  const unseal = (file: string, more = /$^/) =>
    writeFileSync(
      file,
      readFileSync(file, "utf8")
        .replace(/,\n {2}"sha256": ".*"\n\}\n$/, "\n}\n")
        .replace(more, ""),
    );
  for (const file of ["dataset.json", "split.json"]) unseal(join(old.data, file));
  unseal(join(old.run, "split.json"));
  unseal(join(old.run, "run.json"), /^ {2}"configSha256".*\n/m);
  for (const file of filesOf(folder).filter((name) =>
    /^old-.*(best\.sha256|checksums\.json|\.slicestack)$/.test(name),
  ))
    rmSync(join(folder, file));
  const said: string[] = [];
  onNotice((text) => said.push(text));
  const found = [await verify(old.data), await verify(old.run)];
  await evaluate({ run: old.run, data: old.data, ...quick }).catch(() => undefined);
  await evaluate({ run: old.run, ...quick });
  onNotice(null);
  const about = (name: string) =>
    said.filter((text) => text.includes(name) && text.includes("cannot be checked"));
  assert.deepEqual([about("dataset.json").length, about("run.json").length], [1, 1], said.join("\n"));
  assert.deepEqual(
    found.map(({ problems }) => problems),
    [[], []],
  );
  const unchecked = found[1]!.unchecked.map(({ file }) => file);
  for (const file of ["run.json", "config.yaml", "checkpoints/slice/best.safetensors"])
    assert.ok(unchecked.includes(file), unchecked.join());
  assert.ok(relative(folder, found[1]!.folder) === "old-run");
});
