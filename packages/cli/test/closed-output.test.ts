/** A training whose output is no longer read continues to its end. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { bin, CommandFolder } from "./command.js";
import { smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
before(async () => {
  await smallData(folder.path);
  writeFileSync(join(folder.path, "small.yaml"), smallConfig);
});

const statusOf = (run: string) =>
  (JSON.parse(readFileSync(join(folder.path, run, "run.json"), "utf8")) as { status: string }).status;

const train = (out: string, ...more: string[]): ChildProcess =>
  spawn(bin, ["train", "--config", "small.yaml", "--data", "data", "--out", out, ...more], {
    ...folder.options,
    stdio: ["ignore", "pipe", "pipe"],
  });

test("stderr closed after its first line, and stdout closed from the start: trained, with code 0", async () => {
  const child = train("one");
  child.stdout!.destroy();
  child.stderr!.once("data", () => child.stderr!.destroy());
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(statusOf("one"), "trained");
});

test("so do several processes", async () => {
  const child = train("two", "--procs", "2");
  child.stdout!.resume();
  child.stderr!.once("data", () => child.stderr!.destroy());
  assert.deepEqual(await once(child, "exit"), [0, null]);
  assert.equal(statusOf("two"), "trained");
});
