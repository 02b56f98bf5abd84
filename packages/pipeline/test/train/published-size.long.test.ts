/**
 * The published 3D model at its published size: 287 million parameters, whose state with Adam is above 3 GiB. Written, killed,
 * hashed, read again. Toys hide that no single call of Node.js takes more than 2 GiB.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { writeNpy } from "@slicestack/volume/node";
import { Random } from "@slicestack/stats";
import { loadConfig } from "../../src/config/load.js";
import { configToYaml } from "../../src/config/to-yaml.js";
import { prepare } from "../../src/tasks/prepare.js";
import { runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";
import { newestState, scratch } from "./support.js";

const [height, width, depth] = [128, 128, 64];

test("simple at 128 x 128 x 64: one step, a kill, and the next step from the state of more than 2 GiB", async () => {
  const folder = scratch();
  const source = join(folder, "scans");
  mkdirSync(source);
  const random = new Random(4);
  const rows: string[] = [];
  for (let k = 0; k < 6; k++) {
    const data = Int16Array.from({ length: height * width * depth }, () => random.integer(-1000, 400));
    await writeNpy(join(source, `${k}.npy`), { data, shape: [height, width, depth] });
    rows.push(`${k},${k % 2}`);
  }
  writeFileSync(join(folder, "labels.csv"), `id,label\n${rows.join("\n")}\n`);
  const data = join(folder, "data");
  await prepare({
    source,
    destination: data,
    labels: join(folder, "labels.csv"),
    workers: 1,
    name: "published size",
  });
  const config = loadConfig({
    text: `
name: published
method: 3d
split: {fractions: [0.34, 0.33, 0.33]}
network: {model: simple, epochs: 1, batch_size: 1}
`,
  });
  const out = join(folder, "run");
  const state = runPaths(out).state("volume");

  const child = fileURLToPath(new URL("./kill-child.js", import.meta.url));
  const training = spawn(process.execPath, [child, data, out, configToYaml(config)], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(training, "exit");
  while (!existsSync(state) && training.exitCode === null) await setTimeout(50);
  training.kill("SIGKILL");
  await ended;
  assert.equal(training.signalCode, "SIGKILL");
  const { size } = statSync(newestState(out, "volume"));
  assert.ok(size > 2 ** 31, `a state of ${size} bytes`);

  const { status, best } = await train({ config, data, out, resume: true });
  assert.equal(status, "finished");
  assert.ok(best.volume !== undefined);
  // With nothing lost, the log has no word of a damaged checkpoint.
  const log = existsSync(runPaths(out).log) ? readFileSync(runPaths(out).log, "utf8") : "";
  assert.doesNotMatch(log, /damaged/);
  assert.ok(statSync(runPaths(out).best("volume")).size > 2 ** 30);
  assert.ok(!existsSync(join(runPaths(out).checkpoints("volume"), "last.1.state")), "dropped");
});
