/**
 * Each command that takes a path gives the same result however the path is spelled: `./x`, `x/`, `.` from within it,
 * `a/../x`, absolute, with a space, through a link, as a link.
 */
import { testSpellings } from "./spellings.js";

/** Of commands that differ little from others, or take long: paths.long.test.ts tries more. */
const one = ["."];
const small = "--size 16,16 --depth 4 --workers 1";
const weights = "run/checkpoints/slice/best.safetensors";

testSpellings({
  prepare: {
    line: `prepare @@scans @made/scans --labels @scans/labels.csv --mask @masks ${small}`,
    writes: ["made/scans"],
  },
  "prepare of class folders": {
    line: "prepare @@classes @made/classes --workers 1",
    writes: ["made/classes"],
    only: ["a/../x"],
  },
  "prepare of pictures": {
    line: "prepare @@pictures @made/pictures --labels @pictures.csv --workers 1",
    writes: ["made/pictures"],
    only: one,
  },
  merge: { line: "merge @made/whole @@piece", writes: ["made/whole"] },
  split: { line: "split @@data --from @parts.csv --overwrite", writes: ["data/split.json"] },
  verify: { line: "verify @@data", paths: ["folder"] },
  audit: { line: "audit @@few --html @made/audit.html", only: one },
  inspect: { line: "inspect @@scans --id 0001 --histogram @made/shares.svg", writes: ["made/shares.svg"] },
  "inspect --source": {
    line: "inspect @@few --id 0001 --source @scans --comparison @made/comparison.png",
    writes: ["made/comparison.png"],
    only: one,
  },
  slices: { line: "slices @@few @made/slices", writes: ["made/slices"] },
  clock: { line: "clock @@few --config @small.yaml", isOfTheMoment: true, only: one },
  train: {
    line: "train --config @small.yaml --data @@data --out @made/run",
    writes: ["made/run/checkpoints"],
    only: one,
  },
  "train --resume": { line: "train --resume @@run", only: one },
  evaluate: {
    line: "evaluate @@run --no-images",
    writes: ["run/predictions.csv"],
    isOfTheMoment: true,
    only: one,
  },
  import: {
    line: `import @${weights} @made/imported --config @2d.yaml`,
    writes: ["made/imported/checkpoints"],
    only: ["a/../x"],
  },
  compare: { line: "compare @@run @other --out @made/compared", paths: ["folder"], only: one },
  explain: {
    line: "explain @@run --out @made/explained --count 1 --maps gradcam --no-check",
    isOfTheMoment: true,
    only: one,
  },
  runs: { line: "runs @@run", only: one },
  predict: { line: "predict @run @@scans --out @made/predicted", isOfTheMoment: true, only: one },
  "predict --json": { line: "predict @@run @scans/0001.nii.gz", isOfTheMoment: true, only: one },
  export: { line: "export @@run @made/model.onnx --to onnx", writes: ["made/model.onnx"], only: one },
  "export --to bundle": {
    line: "export @@run @made/model.slicestack --to bundle",
    writes: ["made/model.slicestack"],
    only: one,
  },
  "sweep plan": { line: "sweep plan @sweep.yaml --data @@data", isOfTheMoment: true, only: one },
});
