/** A training that fails has the status stopped; what resuming continues with, and what it leaves unchanged. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CheckpointError } from "../../src/index.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { openDataset } from "../../src/data/store.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { sealed } from "../../src/data/split/split.js";
import { readChecksums } from "../../src/run/checksums.js";
import { readRecord, RunError, runPaths, writeRecord } from "../../src/run/folder.js";
import { readGroup } from "../../src/run/group.js";
import { verify } from "../../src/tasks/verify.js";
import { isFinished } from "../../src/train/checkpoint.js";
import { trainGroup } from "../../src/study/train-group.js";
import { train } from "../../src/tasks/train.js";
import { newestState, scratch, tinyConfig, tinyDataset } from "./support.js";

const folder = scratch();
const at = (name: string) => join(folder, name);
let data = "";
before(async () => {
  data = await tinyDataset(folder);
});

test("diverging weights end the training: run, member and group have the status stopped, and their locks are released", async () => {
  const config = tinyConfig({ "slice.learning_rate": "1e30", "slice.optimizer": "sgd" });
  await assert.rejects(train({ config, data, out: at("exploded") }), { name: "EngineError" });
  assert.deepEqual(
    [readRecord(at("exploded")).status, existsSync(join(at("exploded"), ".lock"))],
    ["stopped", false],
  );
  await assert.rejects(trainGroup({ config, data, out: at("group"), seeds: 2 }), { name: "EngineError" });
  const { status, members } = readGroup(at("group"));
  assert.deepEqual([status, ...members.map((one) => one.status)], ["stopped", "stopped", "waiting"]);
});

test("a run with one of two stages is not trained; the second stage completes it", async () => {
  const out = at("stages");
  await train({ config: tinyConfig(), data, out, stage: "slice" });
  assert.deepEqual(
    [readRecord(out).status, isFinished(out, "slice"), isFinished(out, "volume")],
    ["stopped", true, false],
  );
  await train({ config: tinyConfig(), data, out, resume: true, keepStates: true });
  assert.deepEqual(
    [readRecord(out).status, isFinished(out, "slice"), isFinished(out, "volume")],
    ["trained", true, true],
  );
});

test("a finished run that is resumed computes nothing: its settings are kept, and no changed file is accepted", async () => {
  const out = at("stages");
  await evaluate({ run: out });
  // Of a machine with more cores.
  writeRecord(out, { ...readRecord(out), environment: { ...readRecord(out).environment, threads: "8" } });
  const recorded = readChecksums(out);
  const summary = runPaths(out).summary;
  const whole = readFileSync(summary, "utf8");
  writeFileSync(summary, whole.replace(/\d/, "7"));
  const stages = new Set<string>();
  const { best } = await train({
    config: tinyConfig(),
    data,
    out,
    resume: true,
    onProgress: ({ stage }) => stages.add(stage),
  });
  assert.deepEqual([...stages], [], "nothing is embedded again");
  assert.ok(best.slice! > 0 && best.volume! > 0);
  assert.equal(readRecord(out).environment["threads"], "8");
  assert.deepEqual(readChecksums(out)["metrics.json"], recorded["metrics.json"]);
  const { problems } = await verify(out);
  assert.deepEqual(
    problems.map(({ file }) => file),
    ["metrics.json"],
    JSON.stringify(problems),
  );
  writeFileSync(summary, whole);
  assert.deepEqual((await verify(out)).problems, []);

  const { metrics } = runPaths(out);
  const rows = readFileSync(metrics, "utf8");
  writeFileSync(metrics, rows.replace(/"train_loss":\d/, '"train_loss":9'));
  await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), {
    name: "RunError",
    message: /metrics\.jsonl: was changed after it was written\. Put the old file back, or remove it/,
  });
  writeFileSync(metrics, rows);
});

test("a refused resume keeps the checksums of files that it did not write, so that damage to them is still found", async () => {
  const out = at("refused");
  await train({ config: tinyConfig(), data, out });
  const recorded = readChecksums(out);
  for (const stage of ["slice", "volume"] as const) {
    const best = runPaths(out).best(stage);
    const bytes = readFileSync(best);
    bytes[bytes.length - 3]! ^= 1;
    writeFileSync(best, bytes);
    writeFileSync(runPaths(out).state(stage), "{");
  }
  await assert.rejects(train({ config: tinyConfig(), data, out, resume: true }), CheckpointError);
  assert.deepEqual(readChecksums(out), recorded);
  const { problems } = await verify(out);
  const messages = problems.map(({ message }) => message).join("\n");
  for (const stage of ["slice", "volume"])
    assert.match(messages, new RegExp(`${stage}/last\\.json: has 1 bytes, expected \\d+`));
});

test("a run folder that is moved during training: the error states this, and the run resumes from the new location to the same bits", async () => {
  const config = tinyConfig({ "slice.epochs": "6" });
  await train({ config, data, out: at("unmoved") });
  const [out, moved] = [at("from here"), at("to there")];
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("./kill-child.js", import.meta.url)), data, out, configToYaml(config)],
    { stdio: ["ignore", "ignore", "pipe", "ipc"] },
  );
  const said = text(child.stderr!);
  await once(child, "message");
  renameSync(out, moved);
  await once(child, "exit");
  const words = `${out}: was moved or removed during training. It contains everything that was saved. Move it back and continue with: slicestack train --resume '${out}'   (or pass its new location)`;
  assert.ok((await said).includes(words), await said);
  assert.ok(!existsSync(out));
  assert.equal((await train({ config, data, out: moved, resume: true })).status, "finished");
  for (const stage of ["slice", "volume"] as const)
    assert.deepEqual(
      readFileSync(runPaths(moved).best(stage)),
      readFileSync(runPaths(at("unmoved")).best(stage)),
    );
});

test("a group folder, or the folder of a member, that is moved during training: the group is the one to resume", async () => {
  const config = tinyConfig({ method: "2d", "slice.epochs": "200" });
  for (const [name, below, rest] of [
    ["moved", "", "   (or pass its new location)"],
    ["robbed", "seed0", ""],
  ] as const) {
    const group = at(name);
    const lost = join(group, below);
    const onProgress = () => existsSync(lost) && renameSync(lost, at(`${name} away`));
    await assert.rejects(trainGroup({ config, data, out: group, seeds: 2, onProgress }), {
      name: "RunError",
      message: `${lost}: was moved or removed during training. It contains everything that was saved. Move it back and continue with: slicestack train --resume ${group}${rest}`,
    });
    assert.equal(existsSync(lost), false);
  }
  assert.deepEqual(
    readGroup(at("robbed")).members.map(({ status }) => status),
    ["stopped", "waiting"],
  );
});

test("an unfinished stage: no later stage starts from it; without its last.json it resumes from its states", async () => {
  const out = at("lost");
  const config = tinyConfig({ "slice.epochs": "200" });
  const controller = new AbortController();
  const stop = (row: { epoch: number }) => row.epoch === 0 && controller.abort();
  await train({ config, data, out, signal: controller.signal, onEpoch: stop });
  await assert.rejects(train({ config, data, out, resume: true, stage: "volume" }), {
    name: "RunError",
    message: /its slice stage is not finished/,
  });

  const epochs = readFileSync(runPaths(out).metrics, "utf8").trim().split("\n").length;
  assert.ok(existsSync(newestState(out, "slice")));
  rmSync(runPaths(out).state("slice"));
  const lines: string[] = [];
  const again = new AbortController();
  again.abort();
  await train({ config, data, out, resume: true, signal: again.signal, onLog: (line) => lines.push(line) });
  assert.match(
    lines.join("\n"),
    /last\.json is missing; last\.\d\.state, the newest intact checkpoint beside it, is used/,
  );
  assert.equal(readFileSync(runPaths(out).metrics, "utf8").trim().split("\n").length, epochs);
});

test("a reused slice stage keeps the split that it was trained on; a damaged one is refused before a run is created", async () => {
  const dataset = openDataset(data);
  const config = tinyConfig();
  const whole = makeSplit(dataset, config.split);
  const parts = { ...whole.parts, train: whole.parts.train.slice(1) };
  const fewer = sealed(dataset, { seed: whole.seed, group: undefined, parts, warnings: [] });
  await train({ config, data, out: at("first"), split: whole, stage: "slice" });
  await train({ config, data, out: at("second"), split: fewer, sliceFrom: at("first") });
  await train({ config, data, out: at("third"), split: fewer, sliceFrom: at("second") });
  const { environment, status } = readRecord(at("third"));
  assert.deepEqual([status, environment["slice_stage_split"]], ["trained", whole.hash]);

  cpSync(at("second"), at("damaged"), { recursive: true });
  const best = runPaths(at("damaged")).best("slice");
  const bytes = readFileSync(best);
  bytes[bytes.length - 3]! ^= 1;
  writeFileSync(best, bytes);
  await assert.rejects(
    train({ config, data, out: at("fourth"), split: fewer, sliceFrom: at("damaged") }),
    CheckpointError,
  );
  assert.ok(!existsSync(at("fourth")));
});

test("weights of another run are not scored, even if their hash is beside them", async () => {
  await train({ config: { ...tinyConfig(), seed: 1 }, data, out: at("other") });
  for (const [donor, message] of [
    ["other", /belongs to a slice model other than that of this run/],
    ["second", /was trained on split \w{12}, this run has \w{12}/],
  ] as const) {
    const out = at(`with the head of ${donor}`);
    cpSync(at("stages"), out, { recursive: true });
    for (const name of ["best.safetensors", "best.sha256"])
      cpSync(join(at(donor), "checkpoints/volume", name), join(out, "checkpoints/volume", name));
    await assert.rejects(
      evaluate({ run: out }),
      (error) => error instanceof RunError && message.test(error.message),
    );
  }
});
