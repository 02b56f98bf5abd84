/** Resuming with damaged or missing checkpoints, and with a second process. For kills, see kills.test.ts. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { configToYaml } from "../../src/config/to-yaml.js";
import { readRecord, runPaths, writeRecord } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import {
  blankRun,
  curvesOf,
  newestState,
  scratch,
  tinyConfig,
  tinyDataset,
  trainHere,
  weightsOf,
} from "./support.js";

const folder = scratch();
let data = "";
const at = (name: string) => join(folder, name);
const stages = ["slice", "volume"] as const;
before(async () => {
  data = await tinyDataset(folder);
  await train({ config: tinyConfig(), data, out: at("whole"), keepStates: true });
  blankRun(at("whole"), at("half"));
  assert.equal(trainHere(at("half"), data, { stage: "slice", step: 3 }, 0).status, "stopped");
});

const flip = (file: string) => {
  const bytes = readFileSync(file);
  bytes[bytes.length - 5]! ^= 1;
  writeFileSync(file, bytes);
};
const damages: [string, (file: string) => void][] = [
  ["one bit of it turned", flip],
  ["cut in the middle", (file) => truncateSync(file, 100)],
  ["empty", (file) => truncateSync(file, 0)],
  ["gone", (file) => rmSync(file)],
];

for (const [what, damage] of damages) {
  test(`the newest checkpoint ${what}: its hash reveals it, the one before is used, and the run ends like an undisturbed one`, () => {
    const out = at(`damaged ${what}`);
    cpSync(at("half"), out, { recursive: true });
    const newest = newestState(out, "slice");
    damage(newest);
    assert.equal(trainHere(out, data).status, "finished");
    assert.match(
      readFileSync(runPaths(out).log, "utf8"),
      new RegExp(`${basename(newest)} is damaged or missing; the checkpoint before it is used`),
    );
    assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
    assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
  });
}

test("resumed with another number of threads: the log says that bits may differ, and run.json keeps both numbers", () => {
  const out = at("other threads");
  cpSync(at("half"), out, { recursive: true });
  const record = readRecord(out);
  const { threads = "" } = record.environment;
  writeRecord(out, { ...record, environment: { ...record.environment, threads: "77" } });
  assert.equal(trainHere(out, data).status, "finished");
  assert.match(
    readFileSync(runPaths(out).log, "utf8"),
    new RegExp(`threads 77, now ${threads}\\): the last bits`),
  );
  assert.equal(readRecord(out).environment["threads"], `77, then ${threads}`);
  assert.equal(trainHere(out, data).status, "finished");
  assert.equal(readRecord(out).environment["threads"], `77, then ${threads}`, "the same again adds nothing");
  assert.equal(readFileSync(runPaths(out).log, "utf8").match(/last bits/g)?.length, 1);
});

test("killed between the first best weights and the first state: the slice stage starts again and is not considered finished", async () => {
  const out = at("best alone");
  blankRun(at("whole"), out);
  mkdirSync(runPaths(out).checkpoints("slice"), { recursive: true });
  cpSync(runPaths(at("half")).best("slice"), runPaths(out).best("slice"));
  await train({ config: tinyConfig(), data, out, resume: true, keepStates: true });
  assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
  assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
});

test("after a fallback the next state overwrites the damaged one, never the intact one", () => {
  const out = at("fall back");
  cpSync(at("half"), out, { recursive: true });
  const newest = newestState(out, "slice");
  flip(newest);
  // One more step, then a stop: a single state is written.
  const wholeBefore = readFileSync(runPaths(out).state("slice"), "utf8");
  trainHere(out, data, { stage: "slice", step: 3 });
  const [, older] = (JSON.parse(wholeBefore) as { states: { file: string }[] }).states;
  const { states } = JSON.parse(readFileSync(runPaths(out).state("slice"), "utf8")) as {
    states: { file: string }[];
  };
  assert.deepEqual(
    states.map(({ file }) => file),
    [basename(newest), older!.file],
  );
});

test("both checkpoints damaged, or the file that names them: refused, with what to do, and nothing is changed", async () => {
  const out = at("lost");
  cpSync(at("half"), out, { recursive: true });
  for (const file of ["last.1.state", "last.2.state"]) flip(join(runPaths(out).checkpoints("slice"), file));
  const before = readFileSync(runPaths(out).metrics);
  const refused = {
    name: "CheckpointError",
    message: /last\.json: does not name an intact checkpoint.*another folder/,
  };
  await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), refused);
  writeFileSync(runPaths(out).state("slice"), '{"states": [');
  await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), {
    name: "CheckpointError",
    message: /last\.json: is damaged, and there is no intact checkpoint beside it/,
  });
  assert.deepEqual(readFileSync(runPaths(out).metrics), before);
});

test("last.json damaged beside two intact states: the newer one is found by the hashes inside the states", () => {
  for (const [what, text] of [
    ["cut", '{"states": ['],
    ["empty", ""],
    ["of another form", '{"states": [{"file": "../x", "sha256": ""}]}'],
  ] as const) {
    const out = at(`pointer ${what}`);
    cpSync(at("half"), out, { recursive: true });
    const newest = basename(newestState(out, "slice"));
    writeFileSync(runPaths(out).state("slice"), text);
    assert.equal(trainHere(out, data).status, "finished");
    assert.match(
      readFileSync(runPaths(out).log, "utf8"),
      new RegExp(`last\\.json is damaged; ${newest}, the newest intact checkpoint beside it, is used`),
    );
    assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
    assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
  }
});

test("last.json damaged, and a bit of the newer state flipped: the older one is used, and the run ends like an undisturbed one", () => {
  const out = at("pointer and state");
  cpSync(at("half"), out, { recursive: true });
  flip(newestState(out, "slice"));
  writeFileSync(runPaths(out).state("slice"), "");
  assert.equal(trainHere(out, data).status, "finished");
  assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
  assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
});

test("a finished stage drops its states, also those that a kill left behind; a resume skips it", async () => {
  const out = at("dropped");
  const { best } = await train({ config: tinyConfig(), data, out });
  const listed = () => stages.map((stage) => readdirSync(runPaths(out).checkpoints(stage)).sort());
  assert.deepEqual(listed(), [
    ["best.safetensors", "best.sha256", "last.json"],
    ["best.safetensors", "best.sha256", "last.json"],
  ]);
  for (const stage of stages)
    assert.deepEqual(
      readFileSync(runPaths(out).best(stage)),
      readFileSync(runPaths(at("whole")).best(stage)),
    );
  cpSync(newestState(at("whole"), "slice"), join(runPaths(out).checkpoints("slice"), "last.1.state"));
  const again = await train({ config: tinyConfig(), data, out, resume: true });
  assert.deepEqual([again.status, again.best], ["finished", best]);
  assert.deepEqual(listed(), [
    ["best.safetensors", "best.sha256", "last.json"],
    ["best.safetensors", "best.sha256", "last.json"],
  ]);
  assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
});

test("last.json of a finished stage damaged: if the weights are intact, nothing is trained again; with damaged weights it is refused", async () => {
  const out = at("ended");
  const { best } = await train({ config: tinyConfig(), data, out });
  const before = stages.map((stage) => readFileSync(runPaths(out).state(stage), "utf8"));
  for (const stage of stages) writeFileSync(runPaths(out).state(stage), '{"stat');
  const again = await train({ config: tinyConfig(), data, out, resume: true });
  assert.deepEqual([again.status, again.best], ["finished", best]);
  for (const stage of stages)
    assert.deepEqual(
      readFileSync(runPaths(out).best(stage)),
      readFileSync(runPaths(at("whole")).best(stage)),
    );
  assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
  assert.match(
    readFileSync(runPaths(out).log, "utf8"),
    /slice\/last\.json is damaged; it was restored, because the stage is finished and its best weights are intact/,
  );
  const written = stages.map((stage) => readFileSync(runPaths(out).state(stage), "utf8"));
  const scoreOf = (text: string) =>
    (JSON.parse(text) as { finished: { best: { score: number } } }).finished.best.score;
  assert.deepEqual(written.map(scoreOf), before.map(scoreOf));
  writeFileSync(runPaths(out).state("slice"), '{"stat');
  flip(runPaths(out).best("slice"));
  await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), { name: "CheckpointError" });
});

test("--stage slice, then --stage volume: the same bits as both in one call", async () => {
  const out = at("apart");
  await train({ config: tinyConfig(), data, out, stage: "slice", keepStates: true });
  await train({ config: tinyConfig(), data, out, stage: "volume", resume: true, keepStates: true });
  assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
  assert.deepEqual(curvesOf(out), curvesOf(at("whole")));
});

test("slice.epochs 0: a resume does not read the initial weights of the slice model again", async () => {
  const checkpoint = at("start.safetensors");
  cpSync(runPaths(at("whole")).best("slice"), checkpoint);
  const config = tinyConfig({ "slice.epochs": "0", checkpoint });
  await train({ config, data, out: at("no epochs"), keepStates: true });
  const out = at("no epochs, stopped");
  blankRun(at("no epochs"), out);
  assert.equal(trainHere(out, data, { stage: "volume", step: 2 }).status, "stopped");
  renameSync(checkpoint, at("elsewhere.safetensors"));
  await train({ config, data, out, resume: true, keepStates: true });
  assert.deepEqual(weightsOf(out, stages), weightsOf(at("no epochs"), stages));
});

test("two processes on one run folder: the second is refused, whether it resumes or begins, and the first is not disturbed", async () => {
  const out = at("shared");
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("./kill-child.js", import.meta.url)), data, out, configToYaml(tinyConfig())],
    { stdio: ["ignore", "ignore", "inherit", "ipc"] },
  );
  const exit = once(child, "exit");
  await once(child, "message");
  child.kill("SIGSTOP"); // in the middle of its work, for as long as we look
  try {
    assert.ok(existsSync(join(out, ".lock")));
    const locked = { name: "LockedError", message: new RegExp(`process ${child.pid} is using this folder`) };
    await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), locked);
    await assert.rejects(train({ config: tinyConfig(), data, out }), {
      name: "RunError",
      message: /already holds a run/,
    });
  } finally {
    child.kill("SIGCONT");
  }
  await exit;
  assert.equal(child.exitCode, 0);
  assert.deepEqual(weightsOf(out, stages), weightsOf(at("whole"), stages));
  assert.ok(!existsSync(join(out, ".lock")));
});
