/** plan, and train --config auto, as a user types them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadConfig } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";
import { smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);
before(() => smallData(folder.path));

test("plan: the file on stdout and in --out, which loads; warnings on stderr", () => {
  const { status, stdout, stderr } = folder.run("plan", "data", "--budget", "1h30m", "--out", "plan.yaml");
  assert.equal(status, 0, stderr);
  assert.equal(readFileSync(at("plan.yaml"), "utf8").trimEnd(), stdout.trimEnd());
  assert.match(stdout, /^# Planned for small: .*\n# Machine: .*slices per second\./);
  assert.equal(loadConfig({ file: at("plan.yaml") }).method, "2.5d");
  assert.match(stderr, /warning: .*validation volumes choose the epoch/);
});

test("train without --config plans and trains; overrides hold", () => {
  const quick = [
    "--slice.epochs",
    "1",
    "--head.epochs",
    "1",
    "--slice.slices_per_volume",
    "2",
    "--threads",
    "1",
  ];
  const { status, stderr } = folder.run(
    "train",
    "--budget",
    "30m",
    "--data",
    "data",
    "--out",
    "auto",
    ...quick,
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^measure: .*models/m, "what takes its time is said");
  assert.match(stderr, /Planned a configuration for data; .*slicestack plan data shows the reason/);
  const config = loadConfig({ file: at("auto", "config.yaml") });
  assert.ok(config.method === "2.5d");
  const { slice, threads } = config;
  assert.deepEqual([slice.epochs, slice.slicesPerVolume, threads, slice.schedule], [1, 2, 1, "one_cycle"]);
});

test("what contradicts itself ends with 2, before anything is measured", () => {
  const refused = (...args: string[]) => {
    const { status, stderr } = folder.run(...args);
    assert.equal(status, 2, stderr);
    assert.doesNotMatch(stderr, /measure/);
    return stderr;
  };
  assert.match(refused("plan", "data", "--budget", "soon"), /Expected a time such as 1h, 90m, 1h30m or 45s/);
  assert.match(refused("train", "--config", "auto"), /needs --data FOLDER/);
  assert.match(
    refused("train", "--config", "auto", "--data", "data", "--procs", "2"),
    /each process would plan for its own speed/,
  );
  assert.match(
    refused("train", "--config", "auto", "--resume", "auto"),
    /a resumed run keeps its configuration/,
  );
  assert.match(
    refused("train", "--config", "plan.yaml", "--budget", "1h", "--data", "data"),
    /--budget is the time of a plan/,
  );
});
