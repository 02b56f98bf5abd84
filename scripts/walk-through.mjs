/**
 * Writes docs/explanation/two-and-a-half-d.md and its pictures: one volume through slices, embeddings, stack and head, by
 * the code that training and evaluation call.
 *
 *   node scripts/walk-through.mjs [DOCS]     default docs; run `make build` first
 *
 * Every shape and count on the page is read from the results of the code. The page is the same after each run; so are the pictures,
 * up to rounding, on every machine.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../packages/pipeline/dist/src/config/load.js";
import { generatePhantoms } from "../packages/pipeline/dist/src/data/phantom.js";
import { prepare } from "../packages/pipeline/dist/src/tasks/prepare.js";
import { greyPng } from "../packages/pipeline/dist/src/page/grey-png.js";
import { SliceStore } from "../packages/pipeline/dist/src/input/slices.js";
import { datasetSource } from "../packages/pipeline/dist/src/input/source.js";
import { createVolumeModel } from "../packages/pipeline/dist/src/models/create-by-name.js";
import { readSpec } from "../packages/pipeline/dist/src/models/spec-file.js";
import { drawSvg, PALETTE, svgToPng } from "../packages/pipeline/dist/src/page/drawing.js";
import { volumeEmbeddings } from "../packages/pipeline/dist/src/predict/features.js";
import { classifyEmbeddings, stackVolumes } from "../packages/pipeline/dist/src/predict/forward.js";
import { loadFromRun, openModel } from "../packages/pipeline/dist/src/predict/open-model.js";
import { openRun } from "../packages/pipeline/dist/src/run/open-run.js";
import { train } from "../packages/pipeline/dist/src/tasks/train.js";
import { noGrad, scope } from "../packages/torch/dist/src/index.js";

const docs = process.argv[2] ?? new URL("../docs", import.meta.url).pathname;
const pictures = join(docs, "images", "two-and-a-half-d");
mkdirSync(pictures, { recursive: true });
mkdirSync(join(docs, "explanation"), { recursive: true });
const work = mkdtempSync(join(tmpdir(), "walk-through-"));
process.env.XDG_CACHE_HOME = join(work, "cache");
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const settings = `
name: walk-through
threads: 1
precision: float32
transform: {window: [-950, -350]}
slice: {model: slice_cnn, slices_per_volume: 6, epochs: 16, batch_size: 32, learning_rate: 0.001, schedule: one_cycle}
head: {model: attention, epochs: 40, batch_size: 16, learning_rate: 0.003, schedule: one_cycle}
`;
const compute = { device: "cpu", bfloat16: false };

const scans = await generatePhantoms({
  destination: join(work, "scans"),
  subjects: 40,
  seed: 5,
  size: 64,
  workers: 1,
});
const data = join(work, "data");
await prepare({
  source: join(work, "scans"),
  labels: scans.labels,
  destination: data,
  size: [64, 64],
  depth: "native",
  workers: 1,
});
const run = join(work, "run");
await train({ config: loadConfig({ text: settings }), data, out: run });

const opened = openRun(run);
const volumes = [...opened.task.parts.test].sort((a, b) => b.label - a.label || b.count - a.count);
const volume = volumes.find(({ label }) => label === 2) ?? volumes[0];
const other = volumes.find(({ count }) => count < volume.count) ?? volumes.at(-1);
const shown = { shapes: {}, counts: {} };

shown.source = volume.original;

scope(() => {
  const { shapes, counts } = shown;
  const spec = readSpec(run);
  const { trunk, trunkHash, head } = openModel(spec, loadFromRun(run, opened), "cpu");
  const store = new SliceStore(datasetSource(opened.dataset), { ...spec.input, device: "cpu" });
  trunk.eval();
  head.eval();

  noGrad(() => {
    const slices = store.slicesOf(volume);
    const unit_BCHW = store.unit(slices);
    const x_BCHW = store.normalise(unit_BCHW, trunk.channels);
    const embedding_BE = trunk.embed(x_BCHW);
    const logits_BK = trunk.classify(embedding_BE);
    Object.assign(shapes, {
      unit_BCHW,
      x_BCHW,
      maps_BFhw: trunk.featureMaps(x_BCHW),
      embedding_BE,
      logits_BK,
    });

    const source = { model: trunk, weightsHash: trunkHash, store, datasetHash: opened.dataset.info.hash };
    const both = volumeEmbeddings(source, [volume, other], compute);
    const { features_BS, mask_BS } = stackVolumes(both.features_N, both.volumes, spec.head.slices);
    const { logits_BK: volume_BK, sliceWeight_BS } = head.forward(features_BS, mask_BS);
    Object.assign(shapes, {
      features_NE: both.features_N,
      embedding_BSE: features_BS,
      mask_BS,
      sliceWeight_BS,
      volume_BK,
    });

    counts.trunk = trunk.parameters().reduce((sum, { numel }) => sum + numel, 0);
    counts.head = head.parameters().reduce((sum, { numel }) => sum + numel, 0);
    const whole = createVolumeModel({ model: "simple" }, opened.task.classes.count, [64, 64, 64]);
    counts.simple = whole.parameters().reduce((sum, { numel }) => sum + numel, 0);

    shown.slices = slices.length;
    shown.votes = classifyEmbeddings(trunk, embedding_BE, compute).toTypedArray();
    shown.weights = sliceWeight_BS.select(0, 0).narrow(0, 0, slices.length).toTypedArray();
    shown.unit = unit_BCHW.toTypedArray();
    shown.embedding = embedding_BE.toTypedArray();
    shown.embeddingWidth = embedding_BE.size(1);
    shown.others = other.count;
    for (const [name, tensor] of Object.entries(shapes)) shapes[name] = [...tensor.shape];
  });
});

// The pictures.
const side = 64;
const write = (name, bytes) => writeFileSync(join(pictures, name), bytes);
const columns = Math.ceil(Math.sqrt(shown.slices));
const rows = Math.ceil(shown.slices / columns);
const montage = new Uint8Array(columns * side * rows * side);
for (let k = 0; k < shown.slices; k++)
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      montage[(((k / columns) | 0) * side + y) * columns * side + (k % columns) * side + x] = Math.round(
        255 * shown.unit[(k * side + y) * side + x],
      );
write("slices.png", greyPng(montage, columns * side, rows * side));

const zoom = [Math.max(2, Math.round(240 / shown.slices)), 4];
const most = shown.embedding.reduce((a, b) => Math.max(a, b), 1e-6);
const heat = new Uint8Array(shown.slices * zoom[0] * shown.embeddingWidth * zoom[1]);
const wide = shown.embeddingWidth * zoom[1];
for (let y = 0; y < shown.slices * zoom[0]; y++)
  for (let x = 0; x < wide; x++)
    heat[y * wide + x] = Math.round(
      (255 * shown.embedding[Math.floor(y / zoom[0]) * shown.embeddingWidth + Math.floor(x / zoom[1])]) /
        most,
    );
write("embeddings.png", greyPng(heat, wide, shown.slices * zoom[0]));

const { names } = opened.task.classes;
const perSlice = Array.from({ length: shown.slices }, (_, k) => ({
  slice: k,
  weight: shown.weights[k],
  grade: names.reduce((sum, _, c) => sum + c * shown.votes[k * names.length + c], 0),
}));
/** @param top top of the axis, whatever the values: another processor rounds differently and trains other weights, but the picture keeps its size */
const panel = (field, title, colour, top, format) => ({
  title,
  width: 640,
  height: 130,
  data: { values: perSlice },
  mark: { type: "bar", color: colour },
  encoding: {
    x: {
      field: "slice",
      type: "ordinal",
      title: "slice, from the feet up",
      axis: { labelAngle: 0, labelOverlap: true },
    },
    y: {
      field,
      type: "quantitative",
      title: null,
      scale: { domain: [0, top], nice: false },
      axis: { values: [0, 1, 2, 3, 4].map((k) => (k * top) / 4), format },
    },
  },
});
const svg = await drawSvg(
  {
    spacing: 24,
    vconcat: [
      panel("grade", "what each slice says: expected grade", PALETTE.green, names.length - 1, "d"),
      panel(
        "weight",
        "how much each slice counts: attention",
        PALETTE.blue,
        Math.max(0.2, ...shown.weights),
        ".2f",
      ),
    ],
  },
  { title: "Votes and weights of the slices", description: "Two bar charts over the slices of one volume." },
);
write(
  "weights.png",
  await svgToPng(
    svg
      .replaceAll("currentColor", "#222222")
      .replace(/<svg([^>]*)>/, '<svg$1><rect width="100%" height="100%" fill="white"/>'),
  ),
);

// The page.
const shape = (name) => `[${shown.shapes[name].join(", ")}]`;
const count = (n) => n.toLocaleString("en-US").replaceAll(",", " ");
const { width, height } = { width: shown.source.shape[0], height: shown.source.shape[1] };
const page = `# One volume through 2.5D

_Written by \`node scripts/walk-through.mjs\`, which trains a small model on phantoms and runs each line below; a test runs it again._

How a CT becomes a class in three steps that are trained separately. The letters at the end of a name are its axes: B batch, S slices of a volume,
C channels, H and W pixels, F maps, E embedding, K classes.

## 1. Slices

The scan is ${width} x ${height} x ${shown.source.shape[2]} voxels in HU. \`npx slicestack prepare\` turned it upright, resampled it in plane to ${side} x ${side} and kept its
${shown.slices} slices; they are stored one after another in \`slices.npy\`, as HU. The window is applied when a slice is loaded, so that another
one needs no new data set.

\`\`\`ts
const slices = store.slicesOf(volume);             // ${shown.slices} numbers, in the order of the body
const unit_BCHW = store.unit(slices);              // ${shape("unit_BCHW")}: 0 and 1 are the ends of the window
const x_BCHW = store.normalise(unit_BCHW, 1);      // ${shape("x_BCHW")}: minus 0.485, over 0.229
\`\`\`

![The slices of the volume, windowed](../images/two-and-a-half-d/slices.png)

## 2. A slice model, on labels that slices inherit from their volumes

One volume gives one label, but ${shown.slices} slices. Each inherits the label of its volume, which is wrong for a slice without a finding, but correct often
enough to learn what findings look like. This is how many labelled slices make up for few labelled volumes.

\`\`\`ts
trunk.featureMaps(x_BCHW);                         // maps ${shape("maps_BFhw")}
const embedding_BE = trunk.embed(x_BCHW);          // ${shape("embedding_BE")}: the input of the last layer
trunk.classify(embedding_BE);                      // logits ${shape("logits_BK")}, one row per slice
\`\`\`

The 2D method ends here: the slices vote.

## 3. Freeze, embed, stack

The slice model is frozen: its weights, and its batch norm, whose statistics would keep changing in training mode. Each slice of each volume goes
through it once; the embeddings are cached on disk under the hash of weights, transform and data, so no epoch computes them again.

\`\`\`ts
volumeEmbeddings(source, [volume, other], compute); // ${shape("features_NE")}: ${shown.slices} + ${shown.others} slices
const { features_BS, mask_BS } = stackVolumes(…);   // ${shape("embedding_BSE")} and ${shape("mask_BS")}
\`\`\`

The second volume has ${shown.others} slices. It is padded with zeros, and the mask says which slices exist: volumes of different depth share a
batch, and the padding has no influence on the result.

![The embeddings: one row per slice, one column per feature](../images/two-and-a-half-d/embeddings.png)

## 4. A head, on the labels of volumes

\`\`\`ts
const { logits_BK, sliceWeight_BS } = head.forward(features_BS, mask_BS); // ${shape("volume_BK")} and ${shape("sliceWeight_BS")}
\`\`\`

The attention head weighs the slices, takes the weighted mean of their embeddings, and classifies it. Its weights sum to 1 over the slices
of a volume, and the report shows the slice with the largest weight.

![The prediction and the weight of each slice](../images/two-and-a-half-d/weights.png)

## What is learned from which data

| | weights | learned from |
|---|---|---|
| slice model (\`slice_cnn\` at ${side} x ${side}) | ${count(shown.counts.trunk)} | every slice |
| head (\`attention\`) | ${count(shown.counts.head)} | every volume |
| for comparison: \`simple\` on 64 x 64 x 64 voxels, the published 3D network | ${count(shown.counts.simple)} | every volume |

Next steps: \`fine_tune.epochs\` trains trunk and head together at a low rate; \`head.model\` chooses another head
([models](../reference/models.md)); \`npx slicestack ablate\` compares them all ([how to](../how-to/ablate.md)).
`;
writeFileSync(join(docs, "explanation", "two-and-a-half-d.md"), page);
