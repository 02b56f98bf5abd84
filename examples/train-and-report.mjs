/**
 * From labelled scans to a report: node examples/train-and-report.mjs SRC LABELS OUT
 * SRC: folder of .nii.gz or .npy volumes. LABELS: CSV with path (or id), label, subject. OUT: created here, with data/ and run/ in it.
 * Run `make build` first. Progress goes to stderr, the table to stdout. Ctrl-C saves and stops after the current step.
 */
import { join } from "node:path";
import { evaluate, loadConfig, makeSplit, prepare, train, writeSplit } from "@slicestack/pipeline";

const CONFIG = `
name: example
slice: {model: resnet18, epochs: 6, batch_size: 64, learning_rate: 0.001, schedule: one_cycle}
head: {model: attention, epochs: 30, batch_size: 16, learning_rate: 0.001}
`;

const [source, labels, out] = process.argv.slice(2);
if (out === undefined) {
  console.error("usage: node examples/train-and-report.mjs SRC LABELS OUT");
  process.exit(2);
}

/** One line at the start of each stage, and one after each tenth. */
let shown = "";
function onProgress({ stage, done, total, unit }) {
  const line = `${stage}: ${Math.floor((10 * done) / Math.max(1, total)) * 10} % of ${total} ${unit}`;
  if (line !== shown) console.error(line);
  shown = line;
}

const stop = new globalThis.AbortController();
process.once("SIGINT", () => stop.abort());
const background = { onProgress, signal: stop.signal };

const config = loadConfig({ text: CONFIG });
const data = await prepare({ source, labels, destination: join(out, "data"), ...background });
const split = makeSplit(data, config.split);
for (const warning of split.warnings) console.error(`warning: ${warning}`);
writeSplit(data, split);

const { run, status } = await train({ config, data: data.directory, out: join(out, "run"), ...background });
if (status === "stopped") {
  console.error(`Stopped and saved. To resume: npx slicestack train --resume ${run}`);
  process.exit(130);
}
const { table, report } = await evaluate({ run, ...background });
console.log(table);
console.log(`Report: ${report}`);
