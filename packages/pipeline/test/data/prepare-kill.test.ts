/** Preparations that are killed, and pieces that are merged: the result is byte for byte that of an undisturbed one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  mkdtempSync,
} from "node:fs";
import { join } from "node:path";
import { before, after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { tmpdir } from "node:os";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { mergeShards } from "../../src/data/prepare/shard.js";
import { verifyDataset } from "../../src/data/store.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-kill-"));
const source = join(folder, "scans");
const settings = { source, size: [40, 40] as [number, number], depth: 12, name: "set" };
let expected: Record<string, string>;

const bytesOf = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory)
      .sort()
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(join(directory, name)))
          .digest("hex"),
      ]),
  );

before(async () => {
  await generatePhantoms({ destination: source, counts: [5, 5, 5, 5, 4], seed: 4, size: 64 });
  writeFileSync(join(source, "0007.nii.gz"), "damaged");
  const set = await prepare({ ...settings, destination: join(folder, "undisturbed") });
  assert.equal(set.info.quarantined?.length, 1);
  await verifyDataset(set);
  expected = bytesOf(set.directory);
});
after(() => rmSync(folder, { recursive: true }));

const module = new URL("../../src/tasks/prepare.js", import.meta.url).href;

/** Prepares in a process of its own, which is killed after so many milliseconds. @returns whether it came to its end */
async function killedAfter(destination: string, milliseconds: number): Promise<boolean> {
  const code = `import { prepare } from ${JSON.stringify(module)}; await prepare(${JSON.stringify({ ...settings, destination })});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit").then(() => true);
  if (await Promise.race([ended, setTimeout(milliseconds, false)])) return child.exitCode === 0;
  child.kill("SIGKILL");
  await ended;
  return false;
}

const kills = process.env["SLICESTACK_LONG"] === "1" ? 40 : 5;

test(`killed ${kills} times at random moments and resumed each time: the bytes equal those of an undisturbed preparation`, async () => {
  const destination = join(folder, "killed");
  let done = false;
  for (let k = 0; k < kills; k++) {
    // Later and later, so that the kills fall into the scan, the volumes, and the end.
    done = await killedAfter(destination, 120 + (k * 900) / kills + (k % 3) * 40);
    if (done) {
      assert.deepEqual(bytesOf(destination), expected, `kill ${k}`);
      rmSync(destination, { recursive: true });
      done = false;
    } else assert.ok(!existsSync(destination), "nothing stands under the name before it is whole");
  }
  await prepare({ ...settings, destination });
  assert.deepEqual(bytesOf(destination), expected);
  assert.ok(!existsSync(join(folder, ".killed.prepare")));
});

test("a journal truncated anywhere, and lost slices, cost only the volumes after that point", async () => {
  const destination = join(folder, "cut");
  const work = join(folder, ".cut.prepare");
  const stop = new AbortController();
  let seen = 0;
  const onProgress = () => {
    if (++seen === 18) stop.abort(new Error("stop"));
  };
  await assert.rejects(prepare({ ...settings, destination, signal: stop.signal, onProgress }), /stop/);
  const journal = join(work, "journal.jsonl");
  const slices = join(work, "data", "slices.npy");
  const size = readFileSync(journal).length;
  truncateSync(journal, Math.floor(size * 0.6));
  truncateSync(slices, Math.floor(readFileSync(slices).length * 0.4));
  const set = await prepare({ ...settings, destination });
  assert.ok(set.resumed > 0 && set.resumed < 18, `${set.resumed} were kept`);
  assert.deepEqual(bytesOf(destination), expected);
});

test("prepared in pieces and merged: the same bytes; missing, repeated and foreign pieces are refused", async () => {
  const pieces: string[] = [];
  for (let index = 1; index <= 3; index++) {
    const destination = join(folder, `piece-${index}`);
    await prepare({ ...settings, destination, shard: { index, count: 3 } });
    pieces.push(destination);
  }
  const [a = "", b = "", c = ""] = pieces;
  const whole = await mergeShards({ shards: [c, a, b], destination: join(folder, "merged"), name: "set" });
  assert.deepEqual(bytesOf(whole.directory), expected);
  const merge = (...shards: string[]) => mergeShards({ shards, destination: join(folder, "no") });
  await assert.rejects(merge(a, b), /expected 3 pieces, received 2/);
  await assert.rejects(merge(a, c), /expected piece 2 of 3/);
  await assert.rejects(merge(a, b, b, c), /expected piece 3 of 3, .*piece-2 is piece 2/);
  await assert.rejects(merge(a, join(folder, "undisturbed")), /expected a piece of a data set/);
  const other = join(folder, "other");
  await prepare({ ...settings, depth: 10, destination: other, shard: { index: 2, count: 3 } });
  await assert.rejects(merge(a, other, c), /belongs to another preparation/);
  assert.ok(!existsSync(join(folder, "no")));
  await assert.rejects(
    prepare({ ...settings, destination: other, overwrite: true, shard: { index: 4, count: 3 } }),
    /I\/N/,
  );
});

test("a piece does not continue with the volumes of another piece that was stopped in its folder; with overwrite it starts again", async () => {
  const destination = join(folder, "one-place");
  const first = { ...settings, destination, shard: { index: 1, count: 2 }, workers: 1 };
  const stop = new AbortController();
  const stopped = prepare({
    ...first,
    signal: stop.signal,
    onProgress: ({ stage, done }) => stage === "prepare" && done > 2 && stop.abort(),
  });
  await assert.rejects(stopped, { name: "AbortError" });
  const second = { ...first, shard: { index: 2, count: 2 } };
  await assert.rejects(prepare(second), /contains an unfinished preparation with other settings or files/);
  const anew = await prepare({ ...second, overwrite: true });
  assert.equal(anew.resumed, 0);
  const all = readdirSync(source)
    .filter((name) => name.endsWith(".nii.gz"))
    .sort();
  assert.deepEqual(
    anew.volumes.map(({ source: file }) => file),
    all.slice(Math.floor(all.length / 2)),
  );
});
