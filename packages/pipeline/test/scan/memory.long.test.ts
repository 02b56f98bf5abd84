/** 300 scans in a row need no more memory than 100: nothing of a scan stays, in JavaScript, in threads or in libtorch. */
import assert from "node:assert/strict";
import { linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/tasks/prepare.js";
import { train } from "../../src/tasks/train.js";
import { Predictor } from "../../src/scan/scan-predictor.js";
import { scratch, smallConfig } from "../train/support.js";

const SCANS = 300;
/** Scans until buffers, threads and compiled code have their size. */
const WARM_UP = 100;
/** A scan has 1.2 MB of voxels, prepared 0.3 MB: either one kept for each of 200 scans would exceed this. */
const MOST_GROWTH = 40e6;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("memory after 300 scans is that after 100", async () => {
  const folder = scratch();
  const phantoms = {
    destination: join(folder, "phantoms"),
    counts: [4, 4, 0, 0, 0],
    seed: 3,
    size: 96,
    workers: 2,
  };
  const { labels, scans } = await generatePhantoms(phantoms);
  const data = join(folder, "data");
  await prepare({
    source: phantoms.destination,
    destination: data,
    labels,
    size: [64, 64],
    depth: 32,
    workers: 2,
  });
  const run = join(folder, "run");
  await train({
    config: smallConfig({ method: "2d", "slice.epochs": "1", precision: "float32" }),
    data,
    out: run,
  });

  const many = join(folder, "many");
  mkdirSync(many);
  const source = (k: number) => join(phantoms.destination, `${scans[k % scans.length]!.id}.nii.gz`);
  for (let k = 0; k < SCANS; k++) linkSync(source(k), join(many, `scan${String(k).padStart(3, "0")}.nii.gz`));

  await using model = await Predictor.open(run);
  const memory: { rss: number; heap: number }[] = [];
  const measure = () => {
    if (memory.length % 20 === 0) collectGarbage();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    memory.push({ rss, heap: heapUsed + arrayBuffers });
  };
  const failure = ({ reason }: { reason: string }) => assert.fail(reason);
  await model.each(many, { scan: measure, failure }, { jobs: 2 });
  assert.equal(memory.length, SCANS);
  for (const kind of ["rss", "heap"] as const) {
    const least = (from: number, to: number) => Math.min(...memory.slice(from, to).map((one) => one[kind]));
    const [warm, last] = [least(WARM_UP, WARM_UP + 40), least(SCANS - 40, SCANS)];
    const text = `${kind}: ${(warm / 1e6).toFixed(0)} MB after ${WARM_UP} scans, ${(last / 1e6).toFixed(0)} MB after ${SCANS}`;
    assert.ok(last - warm < MOST_GROWTH, text);
    console.log(text);
  }
});
