/** What paths.test.ts leaves out: commands that train, predict or measure, in all spellings of their paths. */
import { testSpellings } from "./spellings.js";

const weights = "run/checkpoints/slice/best.safetensors";
const demo = "--subjects 20 --epochs 1 --volume-epochs 1 --set threads=1";

testSpellings({
  train: {
    line: "train --config @small.yaml --data @@data --out @made/run",
    writes: ["made/run/checkpoints"],
  },
  "train --resume": { line: "train --resume @@run" },
  evaluate: { line: "evaluate @@run --no-images", writes: ["run/predictions.csv"], isOfTheMoment: true },
  "evaluate --data": { line: "evaluate @run --data @@data --no-images", isOfTheMoment: true },
  "evaluate --checkpoint": {
    line: `evaluate --checkpoint @${weights} --config @2d.yaml --data @@data --out @made/scored --no-images`,
    isOfTheMoment: true,
  },
  import: {
    line: `import @${weights} @made/imported --config @2d.yaml`,
    writes: ["made/imported/checkpoints"],
  },
  compare: { line: "compare @@run @other --out @made/compared", paths: ["folder"] },
  explain: {
    line: "explain @@run --out @made/explained --count 1 --maps gradcam --no-check",
    isOfTheMoment: true,
  },
  runs: { line: "runs @@run" },
  "inspect --inputs": { line: "inspect @@few --id 0001 --inputs --config @small.yaml" },
  plan: { line: "plan @@data --out @made/plan.yaml", isOfTheMoment: true },
  ablate: { line: "ablate @study.yaml --data @@data --out @made/study", isOfTheMoment: true },
  "learning-curve": {
    line: "learning-curve @study.yaml --data @@data --out @made/curve --shares 0.5,1",
    isOfTheMoment: true,
  },
  demo: { line: `demo --out @made/demo ${demo}`, isOfTheMoment: true },
});
