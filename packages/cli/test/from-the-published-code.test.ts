/** docs/how-to/from-the-published-code.md: each command of its table, typed as it stands, in the order of the page. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms } from "@slicestack/pipeline";
import { CommandFolder } from "./command.js";

const page = readFileSync(
  join(import.meta.dirname, "../../../../docs/how-to/from-the-published-code.md"),
  "utf8",
);
const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);

/** Later words win: the published sizes and epochs on small scans would take hours. */
const quicker: Record<string, string[]> = {
  prepare: ["--size", "32,32", "--depth", "4"],
  train: ["--num_epochs", "1", "--slice.epochs", "1", "--slice.slices_per_volume", "1", "--threads", "1"],
};

const cells = page
  .split("\n## Configuration files")[0]!
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| published"))
  .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
const commands = cells.flatMap(([published = "", here = ""]) => {
  const [, words] = /^`npx slicestack ([^`]+)`$/.exec(here) ?? [];
  return words === undefined ? [] : [{ published, words: words.split(" ") }];
});

/** 20 phantoms in MosMed's layout: studies/CT-k/study_NNNN.nii.gz. */
before(async () => {
  const { directory, scans } = await generatePhantoms({
    destination: at("scans"),
    subjects: 20,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  for (const [k, { id, label }] of scans.entries()) {
    mkdirSync(at("studies", `CT-${label}`), { recursive: true });
    const study = `study_${String(k + 1).padStart(4, "0")}.nii.gz`;
    renameSync(join(directory, `${id}.nii.gz`), at("studies", `CT-${label}`, study));
  }
});

test("the page holds every script and file of the published project", () => {
  const names = [
    "launch.py --config Configs/config.yaml",
    "launch.py --config Configs/custom.yaml --batch_size 32 --learning_rate 1e-3",
    "evaluate.py --config C --checkpoint F",
    ...[
      "store_data_in_files.py --src",
      "store_slices.py --src",
      "train_val_save.py",
      "compare_2d_and_3d_data.py",
    ],
    ...[
      "vis_scans.py",
      "vis_slices.py",
      "slider_analysis.py",
      "clock.py",
      "clock_2d.py",
      "syscheck.py",
      "notebook",
    ],
    ...["Severity Assessment With Preloaded Files", "config_generator.py", "scheduler.py", "launch_gpu.sh"],
    ...["`1v3.yaml`", "`first_two.yaml`", "`first_three.yaml`", "`resnet_no_dropout_multiclass.yaml`"],
  ];
  for (const name of names) assert.ok(page.includes(name), name);
});

test("every command of ours runs as the page has it, and leaves what the next one needs", () => {
  assert.ok(commands.length >= 14, `only ${commands.length} commands were found`);
  // The slices go out by their parts: the split, further down on the page, comes first.
  const order = ({ words: [name] }: (typeof commands)[number]) =>
    name === "prepare" ? 0 : name === "split" ? 1 : 2;
  const first = commands.filter(({ words }) => words.includes("studies") && words[0] === "prepare");
  const rest = commands.filter((one) => !first.includes(one));
  const split = rest.filter((one) => order(one) === 1);
  for (const { published, words } of [...first, ...split, ...rest.filter((one) => order(one) !== 1)]) {
    const more = words.includes("files/slices") && words[0] === "prepare" ? [] : (quicker[words[0]!] ?? []);
    const { status, stderr } = folder.run(...words, ...more);
    assert.equal(status, 0, `${published}: slicestack ${words.join(" ")}\n${stderr}`);
  }
  const files = folder.list("files");
  assert.ok(
    files.some((name) => /^volumes\/train\/class_\d\/study_\d{4}\.npy$/.test(name)),
    "volumes as files",
  );
  assert.ok(
    files.some((name) => /^slices\/val\/class_\d\/study_\d{4}_003\.npy$/.test(name)),
    "slices as files",
  );
  assert.match(
    readFileSync(at("runs/custom/config.yaml"), "utf8"),
    /batch_size: 32\n[^]*learning_rate: 0\.001/,
  );
  for (const file of [
    "scan.png",
    "scan.webp",
    "slices.png",
    "runs/config/run.json",
    "runs/severity/run.json",
  ])
    assert.ok(existsSync(at(file)), file);
  assert.ok(existsSync(at("runs/custom/report.html")));
});
