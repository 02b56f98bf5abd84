/** The example of the README that opens a run: it prints the probabilities of predictions.csv. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { readPredictions } from "../../src/evaluate/predictions.js";
import { runPaths } from "../../src/run/folder.js";
import { evaluate } from "../../src/tasks/evaluate.js";
import { train } from "../../src/tasks/train.js";
import { scratch, smallConfig, smallDataset } from "../train/support.js";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

test("a run that is opened with the public functions decides as evaluate does", async () => {
  const folder = scratch();
  const run = join(folder, "runs/mine");
  const config = smallConfig({ "slice.epochs": "1", "head.epochs": "1", precision: "float32" });
  await train({ config, data: await smallDataset(folder), out: run });
  await evaluate({ run, resamples: 50, images: false });
  const readme = readFileSync(join(root, "packages/pipeline/README.md"), "utf8");
  const example = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code!).at(-1)!;
  const code = ts.transpile(
    example.replace(/console\.log\((.*)\);.*$/m, "console.log(JSON.stringify($1));"),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
    },
  );
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const printed = execFileSync(process.execPath, ["--input-type=module", "-e", code], {
    cwd: folder,
    encoding: "utf8",
  });
  const written = readPredictions(runPaths(run).predictions).find(
    ({ part, model }) => part === "val" && model === "2.5d",
  );
  assert.deepEqual(JSON.parse(printed), written!.probabilities);
});
