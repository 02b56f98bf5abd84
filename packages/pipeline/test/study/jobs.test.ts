/** Trainings of a group as processes: the same weights and record as one after another, stopped and resumed. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { readGroup } from "../../src/run/group.js";
import { runPaths } from "../../src/run/folder.js";
import { trainGroup, type GroupOptions } from "../../src/study/train-group.js";
import { scratch, tinyConfig, tinyDataset } from "../train/support.js";

const folder = scratch();
// Of the queue and the files of the processes: nothing may stay there.
process.env["TMPDIR"] = folder;
const at = (name: string) => join(folder, name);
let data = "";
before(async () => void (data = await tinyDataset(folder)));

const weights = (group: string) =>
  ["seed0", "seed1"].flatMap((name) =>
    (["slice", "volume"] as const).map((stage) =>
      readFileSync(runPaths(join(at(group), name)).best(stage), "hex"),
    ),
  );
const states = (group: string) =>
  readGroup(at(group)).members.map(({ status, trained }) => [status, trained.join()]);
const left = () => readdirSync(join(tmpdir(), `slicestack-trainings-${process.getuid?.() ?? "user"}`));

test("members that train at the same time, stopped at the first line and resumed, equal those that train one after another", async () => {
  const go = (group: string, more: Partial<GroupOptions> = {}) =>
    trainGroup({ config: tinyConfig(), data, out: at(group), seeds: 2, ...more });
  const turns = await go("turns");
  assert.equal(turns.status, "finished");

  const stop = new AbortController();
  const onLog = (line: string) => void (line.includes("(2 of 2)") && stop.abort());
  const stopped = await go("together", { jobs: 2, signal: stop.signal, onLog });
  assert.equal(stopped.status, "stopped");
  assert.ok(readGroup(at("together")).members.every(({ status }) => status !== "training"));
  assert.deepEqual(left(), []);

  const lines: string[] = [];
  const { status, members } = await go("together", {
    jobs: 2,
    resume: true,
    onLog: (line) => lines.push(line),
  });
  assert.equal(status, "finished");
  assert.deepEqual(
    members.map(({ name, best }) => [name, best]),
    turns.members.map(({ name, best }) => [name, best]),
  );
  assert.deepEqual(states("together"), states("turns"));
  assert.deepEqual(weights("together"), weights("turns"));
  assert.ok(
    lines.some((line) => line.startsWith("seed1: warning: ")),
    "what a process says is passed on",
  );
  assert.deepEqual(left(), []);
});

test("a member that fails in its process ends the group, and the error keeps its name", async () => {
  const config = tinyConfig({ "slice.learning_rate": "1e30", "slice.optimizer": "sgd" });
  await assert.rejects(trainGroup({ config, data, out: at("failed"), seeds: 2, jobs: 2 }), {
    name: "EngineError",
    message: /^seed[01]: /,
  });
  const { status, members } = readGroup(at("failed"));
  assert.equal(status, "stopped");
  assert.ok(members.every((member) => member.status === "stopped" || member.status === "waiting"));
  assert.ok(!existsSync(join(at("failed"), ".lock")));
  assert.deepEqual(left(), []);
});
