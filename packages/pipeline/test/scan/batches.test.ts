/** Scans that wait at the same time are computed together, and get the numbers that they get alone. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import type { JobRunner } from "../../src/engine/task-options.js";
import { ScanBatches } from "../../src/scan/scan-batches.js";
import { job, type ScanJob, type ScanOutcome, type ScanRequest } from "../../src/scan/scan-job.js";
import { findTrained } from "../../src/trained/find-trained.js";
import { train } from "../../src/tasks/train.js";
import { scratch, tinyConfig, tinyDataset } from "../train/support.js";

const TOLERANCE = 1e-6;
const folder = scratch();
let data = "";
before(async () => {
  data = await tinyDataset(folder);
});

const context = {
  report: () => undefined,
  log: () => undefined,
  event: () => undefined,
  stopping: () => false,
};

/** A session in this thread, whose first job waits until `begin` is called. */
function heldSession(): { session: JobRunner; begin: () => void; sizes: number[] } {
  let begin = () => undefined as void;
  const held = new Promise<void>((resolve) => (begin = resolve));
  const sizes: number[] = [];
  const run = async (_module: URL, input: unknown) => {
    await held;
    const asked = input as ScanJob & { step: "scans" };
    sizes.push(asked.scans.length);
    return job(asked, context) as unknown;
  };
  return { session: { run } as JobRunner, begin, sizes };
}

/** A scan of noise, which is the same for the same seed. */
function scanOf(seed: number, count: number, size = 16): ScanRequest {
  const values = new Int16Array(count * size * size);
  let state = seed * 2654435761;
  for (let k = 0; k < values.length; k++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[k] = (state >>> 20) - 1500;
  }
  const spacing: [number, number, number] = [2, 2, 3];
  const geometry = { spacing, origin: [0, 0, 0], direction: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
  const original = { shape: [size, size, count], spacing };
  const shape = [count, size, size];
  const place = { geometry, original, crop: null, unit: "HU" };
  const scan = { id: `scan ${seed}`, slices_SHW: values, dtype: "int16", shape, ...place };
  return { scan: scan as unknown as ScanRequest["scan"], maps: [], heatMap: false };
}

const numbersOf = ({ members }: ScanOutcome): number[] =>
  members.flatMap(({ probabilities, weights, embedding }) => [
    ...probabilities,
    ...(weights ?? []),
    ...(embedding ?? []),
  ]);

for (const method of ["2d", "2.5d"] as const)
  test(`${method}: scans of different depths give together what each gives alone, to ${TOLERANCE}`, async () => {
    const run = join(folder, method);
    await train({ config: tinyConfig({ method, precision: "float32" }), data, out: run });
    job({ step: "open", key: method, model: await findTrained(run), compute: { threads: 1 } }, context);
    const requests = [8, 8, 8, 5, 11].map((count, k) => scanOf(k + 1, count));
    const alone = requests.map(
      (request) => (job({ step: "scans", key: method, scans: [request] }, context) as ScanOutcome[])[0]!,
    );
    const { session, begin, sizes } = heldSession();
    const batches: [number, number][] = [];
    const queue = new ScanBatches(session, method, (scans, slices) => batches.push([scans, slices]));
    const together = requests.map((request) => queue.predict(request));
    begin();
    for (const [k, outcome] of (await Promise.all(together)).entries()) {
      const [received, expected] = [numbersOf(outcome), numbersOf(alone[k]!)];
      assert.equal(received.length, expected.length);
      const worst = Math.max(...received.map((value, n) => Math.abs(value - expected[n]!)));
      assert.ok(
        worst <= TOLERANCE * Math.max(1, ...expected.map(Math.abs)),
        `scan ${k + 1} differs by ${worst}`,
      );
      assert.deepEqual(outcome.members[0]!.places, alone[k]!.members[0]!.places);
      assert.ok(outcome.seconds > 0);
    }
    assert.deepEqual(sizes, [1, 4], "the first did not wait, the others were computed together");
    assert.deepEqual(
      batches.map(([scans]) => scans),
      [1, 4],
    );
    job({ step: "close", key: method }, context);
  });

test("scans of other sizes and scans with maps are computed apart; one that fails fails alone; an aborted one leaves", async () => {
  const sizes: string[] = [];
  const run = (_module: URL, input: unknown): Promise<unknown> => {
    const { scans } = input as ScanJob & { step: "scans" };
    sizes.push(scans.map(({ scan }) => scan.id).join("+"));
    if (scans.some(({ scan }) => scan.id === "scan 3")) return Promise.reject(new Error("too deep"));
    return Promise.resolve(scans.map(({ scan }) => ({ id: scan.id })));
  };
  const queue = new ScanBatches({ run } as JobRunner, "key");
  const controller = new AbortController();
  const requests = [
    scanOf(1, 4),
    scanOf(2, 4),
    scanOf(3, 4),
    scanOf(4, 4, 8),
    { ...scanOf(5, 4), heatMap: true },
  ];
  const aborted = queue.predict(scanOf(6, 4)); // taken at once
  const settled = Promise.allSettled([
    ...requests.map((request) => queue.predict(request)),
    queue.predict(scanOf(7, 4), controller.signal),
  ]);
  controller.abort(new Error("cancelled"));
  await aborted;
  const ends = (await settled).map((one) =>
    one.status === "fulfilled" ? (one.value as unknown as { id: string }).id : (one.reason as Error).message,
  );
  assert.deepEqual(ends, ["scan 1", "scan 2", "too deep", "scan 4", "scan 5", "cancelled"]);
  assert.deepEqual(sizes, [
    "scan 6",
    "scan 1+scan 2+scan 3",
    "scan 1",
    "scan 2",
    "scan 3",
    "scan 4",
    "scan 5",
  ]);
});

test("scans that failed together and whose callers have left are not computed again", async () => {
  const sizes: number[] = [];
  const leaving = new AbortController();
  const run = (_module: URL, input: unknown): Promise<unknown> => {
    const { scans } = input as ScanJob & { step: "scans" };
    sizes.push(scans.length);
    if (scans.length > 1) leaving.abort(new Error("left"));
    return scans.length > 1
      ? Promise.reject(new Error("together"))
      : Promise.resolve(scans.map(({ scan }) => ({ id: scan.id })));
  };
  const queue = new ScanBatches({ run } as JobRunner, "key");
  const first = queue.predict(scanOf(1, 4)); // taken at once
  const ends = Promise.allSettled([
    queue.predict(scanOf(2, 4), leaving.signal),
    queue.predict(scanOf(3, 4)),
    queue.predict(scanOf(4, 4), leaving.signal),
  ]);
  await first;
  assert.deepEqual(
    (await ends).map(({ status }) => status),
    ["rejected", "fulfilled", "rejected"],
  );
  assert.deepEqual(sizes, [1, 3, 1]);
});
