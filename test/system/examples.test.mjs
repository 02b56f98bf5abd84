/** The examples run as their first lines say, on one small model. examples/browser has a test of its own. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Predictor } from "@slicestack/pipeline";
import { PredictionQueue } from "../../examples/worker-queue/queue.mjs";
import { smallModel } from "./small-model.mjs";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "slicestack-examples-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
process.env.OMP_WAIT_POLICY ??= "passive";
after(() => rmSync(folder, { recursive: true, force: true }));

let small;
let expected;
before(async () => {
  small = await smallModel(folder);
  const model = await Predictor.open(small.bundle);
  [expected] = await model.predict(small.scan, { jobs: 1 });
  await model[Symbol.asyncDispose]();
});

const example = (...args) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
};

test("the script prints the class and the probabilities of each scan", () => {
  const text = example("examples/predict.mjs", small.bundle, small.scan);
  assert.ok(text.startsWith(`${small.scan}: ${expected.decision.class} {`), text);
  const [, first] = /clear: ([\d.]+)/.exec(text);
  assert.ok(Math.abs(Number(first) - expected.probabilities.clear) < 1e-6, text);
});

test("the Fastify plug-in predicts an upload, refuses what is no scan, and leaves nothing behind", async () => {
  const args = ["examples/fastify/server.mjs", small.bundle, "0"];
  const env = { ...process.env, TMPDIR: mkdtempSync(join(folder, "uploads-")) };
  const server = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = await once(server.stdout, "data");
    const url = /http:\S+/.exec(String(line))[0];
    const post = (body, type) =>
      globalThis.fetch(`${url}/predict`, { method: "POST", body, headers: { "content-type": type } });
    assert.deepEqual(await (await globalThis.fetch(`${url}/model`)).json(), {
      classes: ["clear", "consolidated"],
      calibrated: true,
    });
    const answer = await post(readFileSync(small.scan), "application/gzip");
    const { results } = await answer.json();
    assert.equal(answer.status, 200);
    assert.deepEqual(results[0].probabilities, expected.probabilities);
    assert.equal(results[0].source, "upload");
    const refused = await post("no scan at all", "application/octet-stream");
    assert.equal(refused.status, 422);
    assert.doesNotMatch(await refused.text(), /uploads-/);
    assert.equal((await post("<x/>", "text/xml")).status, 415);
    assert.equal((await globalThis.fetch(`${url}/predict`, { method: "POST" })).status, 415);
    assert.deepEqual(
      readdirSync(env.TMPDIR).filter((name) => name.startsWith("slicestack-upload-")),
      [],
    );
  } finally {
    server.kill();
    await once(server, "exit");
  }
});

test("the queue of workers gives each scan its results, and a bad scan its reason", async () => {
  const queue = new PredictionQueue(small.bundle, { workers: 2 });
  const damaged = join(folder, "damaged.nii.gz");
  writeFileSync(damaged, "no scan");
  const added = [small.scan, damaged, small.scan].map((scan) => queue.add(scan));
  const [first, second, third] = await Promise.allSettled(added);
  await queue.close();
  assert.deepEqual(first.value[0].probabilities, expected.probabilities);
  assert.deepEqual(third.value[0].probabilities, expected.probabilities);
  assert.match(second.reason.message, /damaged\.nii\.gz/);
  await assert.rejects(queue.add(small.scan), /closed/);
});

test("a queue whose model cannot be opened says why, and ends", async () => {
  const queue = new PredictionQueue(join(folder, "missing.slicestack"), { workers: 1 });
  await assert.rejects(queue.add(small.scan), /missing\.slicestack/);
  // The worker that replaced the first two ends by itself; a scan that comes later is refused, too.
  await setTimeout(500);
  await assert.rejects(queue.add(small.scan), /missing\.slicestack/);
  await queue.close();
});

test("a head of one's own is trained, bundled with its code and predicted; the code runs only where it is allowed", async () => {
  const out = join(folder, "own-head");
  const text = example("examples/own-head/train-bundle-predict.mjs", small.data, out, small.scan);
  const { class: decided, probabilities } = JSON.parse(text.trim().split("\n").at(-1));
  assert.ok(decided in probabilities);
  assert.ok(Math.abs(Object.values(probabilities).reduce((a, b) => a + b, 0) - 1) < 1e-6);
  await assert.rejects(
    Predictor.open(join(out, "smooth-max.slicestack")),
    /smooth-max\.mjs.*--allow-plugins/,
  );
});
