/**
 * Takes the place of the command line in tests of the runner: node stand-in.js sweep trial FOLDER [--pieces N] …
 * It does what a trial does but for the training. What it does with a point says the key `head.dropout`: 0.1 fails,
 * 0.2 needs four pieces, 0.3 runs until it is told to end, or there is a file `released`, 0.4 logs epochs that get worse; all others finish with that value.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** Nothing of the product is imported, which takes a process of its own a second on a busy machine. */
interface TrialJson {
  point: { settings: Record<string, unknown> };
}

const words = process.argv.slice(2);
const folder = words[2] ?? "";
const option = (name: string) => (words.includes(name) ? words[words.indexOf(name) + 1] : undefined);
const isSlice = option("--stage") === "slice";
const note = (what: string) =>
  appendFileSync(
    join(dirname(dirname(folder)), "events"),
    `${basename(folder)}${isSlice ? "-slice" : ""} ${what}\n`,
  );

/** The mark of a trial that runs: another process that finds it, with its process alive, runs the trial a second time at once. */
const mark = join(folder, "running");
if (existsSync(mark) && isAlive(Number(readFileSync(mark, "utf8")))) note("TWICE");
writeFileSync(mark, String(process.pid));
process.on("SIGTERM", () => {
  note("stopped");
  rmSync(mark);
  process.exit(130);
});

note(
  `begin${option("--pieces") === undefined ? "" : ` in ${option("--pieces")} pieces`}${option("--slice-from") === undefined ? "" : ` from ${option("--slice-from")}`}`,
);
const { point } = JSON.parse(readFileSync(join(folder, "trial.json"), "utf8")) as TrialJson;
const dropout = Number(point.settings["head.dropout"] ?? 0);
await setTimeout(Number(process.env["STAND_IN_MILLISECONDS"] ?? 20));
if (!isSlice) await asThePointSays();
note("end");
rmSync(mark);

async function asThePointSays(): Promise<void> {
  if (dropout === 0.1) fail(new Error("the loss is NaN"));
  if (dropout === 0.2 && Number(option("--pieces") ?? 1) < 4)
    fail(Object.assign(new Error("out of memory"), { name: "OutOfMemoryError" }));
  while (dropout === 0.3 && !existsSync(join(dirname(dirname(folder)), "released"))) await setTimeout(50);
  if (dropout >= 0.4) await epochs();
  const result = {
    version: 1,
    status: "finished",
    objective: dropout,
    metrics: {},
    epochs: 2,
    seconds: 0.02,
  } as const;
  write("result.json", result);
}

function write(name: string, content: object): void {
  writeFileSync(join(folder, `.${name}`), JSON.stringify(content));
  renameSync(join(folder, `.${name}`), join(folder, name));
}

async function epochs(): Promise<void> {
  mkdirSync(join(folder, "run"), { recursive: true });
  for (let epoch = 0; epoch < 4; epoch++) {
    const row = {
      stage: "volume",
      epoch,
      val_loss: 1,
      val_macro_f1: dropout,
      val_balanced_accuracy: dropout,
      seconds: 1,
    };
    appendFileSync(join(folder, "run", "metrics.jsonl"), `${JSON.stringify(row)}\n`);
    await setTimeout(dropout > 0.7 ? 20 : 4000);
  }
}

function fail(error: Error): never {
  const { name, message } = error;
  write("failure.json", { name, message, outOfMemory: name === "OutOfMemoryError" });
  rmSync(mark);
  note("fail");
  process.exit(1);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("stand-in");
  } catch {
    return false;
  }
}
