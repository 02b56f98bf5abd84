/**
 * Stands for `slicestack sweep trial FOLDER [--stage STAGE]` where scheduling is under test: writes down what it does in
 * the file `events` of the sweep's folder, and ends as the name of its point says.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const [, , , , folder = "", ...words] = process.argv;
const { number, point } = JSON.parse(readFileSync(join(folder, "trial.json"), "utf8")) as {
  number: number;
  point: { name: string | null; settings: Record<string, unknown> };
};
const sweep = join(folder, "../..");
const place = words.includes("--stage") ? words[words.indexOf("--stage") + 1] : "score";
const tell = (what: string) => appendFileSync(join(sweep, "events"), `${what} ${place} ${number}\n`);
const times = (event: string) =>
  readFileSync(join(sweep, "events"), "utf8")
    .split("\n")
    .filter((line) => line === event).length;

for (const signal of ["SIGUSR1", "SIGTERM"])
  process.on(signal, () => {
    tell("saved");
    process.exit(130);
  });
tell("begin");
const isTraining = place === "train";
if (isTraining && point.name === "hungry") {
  // 600 MB in one piece; the job may use half of that.
  const pieces = words.includes("--pieces") ? Number(words[words.indexOf("--pieces") + 1]) : 1;
  const batch = Buffer.alloc(6e8 / pieces, 1);
  await pause(4000); // Slurm looks every second
  tell(`${batch.length / 1e6} MB fit`);
}
/**
 * Epochs whose score is the dropout; one that lags behind has more of them to come than a test waits for. It begins after
 * the one that leads has ended: whoever comes first to a rung is promoted.
 */
if (isTraining && (point.name === "leads" || point.name === "lags")) {
  if (point.name === "lags") while (times("end train 0") === 0) await pause(100);
  mkdirSync(join(folder, "run"), { recursive: true });
  const score = Number(point.settings["head.dropout"]);
  for (let epoch = 0; epoch < (point.name === "leads" ? 2 : 600); epoch++) {
    const row = {
      stage: "volume",
      epoch,
      val_loss: 1,
      val_macro_f1: score,
      val_balanced_accuracy: score,
      seconds: 1,
    };
    appendFileSync(join(folder, "run", "metrics.jsonl"), `${JSON.stringify(row)}\n`);
    await pause(500);
  }
}
if (isTraining && point.name === "waits") while (!existsSync(join(sweep, "release"))) await pause(100);
await pause(300);
const isMended = existsSync(join(sweep, "mended"));
const fails =
  isTraining &&
  ((point.name === "fails" && !isMended) ||
    (point.name === "flaky" && times(`begin ${place} ${number}`) === 1));
if (place === "score") {
  const result = {
    version: 1,
    status: "finished",
    objective: number / 10,
    metrics: {},
    epochs: 1,
    seconds: 1,
  };
  writeFileSync(join(folder, "result.json"), JSON.stringify(result));
}
tell(fails ? "failed" : "end");
process.exit(fails ? 3 : 0);
