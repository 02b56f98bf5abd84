/** The published flat files train as they are, and so do the files of configs/: one step of each stage on generated scans. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { loadConfig } from "../../src/config/load.js";
import { stagesOf, type StageName } from "../../src/config/stages.js";
import type { Progress } from "../../src/engine/progress.js";
import { train } from "../../src/tasks/train.js";
import { phantomData } from "../import/support.js";
import { scratch } from "./support.js";

const configs = join(import.meta.dirname, "../../../../../configs");
/** One file of each network; files that differ in their classes alone would train the same again. */
const published = readdirSync(join(configs, "published"))
  .filter((name) => name.endsWith(".yaml"))
  .filter((name, k, all) => all.findIndex((other) => networkOf(other) === networkOf(name)) === k);
function networkOf(name: string): string {
  const config = loadConfig({ file: join(configs, "published", name) });
  if (config.method === "3d") return config.network.model.name;
  const { model, dropout } = config.slice;
  return [model.name, dropout, ...(config.method === "2.5d" ? [config.head.model.name] : [])].join();
}
const folder = scratch();
let data = "";
before(async () => {
  data = await phantomData(folder, "mosmed", { counts: [3, 3, 3, 3, 3], seed: 8 });
});

/** Trains until the first step of a stage is done, and stops as Ctrl-C does. @returns the steps seen of that stage */
async function firstStep(
  file: string,
  stage: StageName,
  overrides: Record<string, string> = {},
): Promise<number> {
  const config = loadConfig({ file: join(configs, file), overrides: { threads: "1", ...overrides } });
  const controller = new AbortController();
  let steps = 0;
  const onProgress = ({ stage: name, done }: Progress) => {
    if (name !== `${stage} stage` || done < 1) return;
    steps = done;
    controller.abort();
  };
  const out = join(folder, `${file} ${stage}`); // deleted at once: a state of ResNet-50 has 300 MB
  const { status } = await train({ config, data, out, onProgress, signal: controller.signal });
  rmSync(out, { recursive: true });
  assert.equal(status, "stopped", `${file}: ended before its first step was seen`);
  return steps;
}

for (const name of published) {
  test(`configs/published/${name} trains a step without changes`, async () => {
    const [stage] = stagesOf(loadConfig({ file: join(configs, "published", name) }));
    assert.ok((await firstStep(`published/${name}`, stage!)) >= 1);
  });
}

test("configs/published/two_stage.yaml trains a step of its head, on a slice model that is not trained", async () => {
  assert.ok((await firstStep("published/two_stage.yaml", "volume", { "slice.epochs": "0" })) >= 1);
});

for (const [name, overrides] of [
  ["mosmed_3d.yaml", {}],
  ["lidc_nodules_quick.yaml", {}],
  ["adrenalmnist3d.yaml", { "task.classes_to_include": "[0, 1]" }],
] as const) {
  test(`configs/${name} trains a step of every stage`, async () => {
    const stages = stagesOf(loadConfig({ file: join(configs, name) }));
    for (const stage of stages) {
      const before = stage === "volume" && stages.length > 1 ? { "slice.epochs": "0" } : {};
      assert.ok((await firstStep(name, stage, { ...overrides, ...before })) >= 1, stage);
    }
  });
}
