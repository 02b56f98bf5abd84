/** Trains in a separate process, resumes an existing run, and reports each step: kills.ts kills it at any moment. */
import { existsSync } from "node:fs";
import { loadConfig } from "../../src/config/load.js";
import { runPaths } from "../../src/run/folder.js";
import { train } from "../../src/tasks/train.js";

const [data = "", out = "", config = ""] = process.argv.slice(2);
const resume = existsSync(runPaths(out).record);
await train({
  config: loadConfig({ text: config }),
  data,
  out,
  resume,
  saveSeconds: 0,
  keepStates: true,
  onProgress: () => process.send?.("step"),
});
process.disconnect();
