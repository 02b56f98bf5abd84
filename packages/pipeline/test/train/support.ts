import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.js";
import type { RunConfig } from "../../src/config/types.js";
import { generatePhantoms } from "../../src/data/phantom.js";
import { prepare } from "../../src/data/prepare/prepare.js";
import { runPaths, type StageName } from "../../src/run/folder.js";

/** A folder of its own, with its own cache, gone with the process. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-train-"));
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The file of the newest state to go on from. */
export function newestState(run: string, stage: StageName): string {
  const { states } = JSON.parse(readFileSync(runPaths(run).state(stage), "utf8")) as { states: { file: string }[] };
  return join(runPaths(run).checkpoints(stage), states[0]!.file);
}

/** A small real data set: phantoms of two classes and more, 32 x 32 pixels, 8 slices. */
export async function smallDataset(folder: string, subjects = 20): Promise<string> {
  const phantoms = await generatePhantoms({
    destination: join(folder, "scans"),
    subjects,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  const destination = join(folder, "data");
  await prepare({
    source: join(folder, "scans"),
    destination,
    labels: phantoms.labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "small",
  });
  return destination;
}

export function smallConfig(overrides: Record<string, string> = {}): RunConfig {
  const text = `
name: small
threads: 1
slice: {model: slice_cnn, epochs: 2, batch_size: 16, slices_per_volume: 4, learning_rate: 0.001, schedule: one_cycle, dropout: 0.2}
volume: {head: attention, epochs: 4, batch_size: 8, learning_rate: 0.001, dropout: 0.2}
`;
  return loadConfig({ text, overrides });
}
