/**
 * Draws the pictures of docs/explanation/augmentation.md: phantom slices, augmented by the code that training calls.
 *
 *   node scripts/augmentation-pictures.mjs [OUT]     default docs/images/augmentation; run `make build` first
 *
 * Each is a row: the original slice, then five draws of one transform over its whole range (that of the preset strong,
 * or wider where the effect would not be visible). Geometry has a second row with the same draws on a grid. Every run gives the same bytes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  augmentSlices,
  augmentStacks,
  augmentVolumes,
} from "../packages/pipeline/dist/src/augment/augment.js";
import { augmentations, valueMargin } from "../packages/pipeline/dist/src/augment/catalogue.js";
import "../packages/pipeline/dist/src/models/catalogue.js";
import { augmentPresets } from "../packages/pipeline/dist/src/config/augment.js";
import { planScans } from "../packages/pipeline/dist/src/data/phantom/plan.js";
import { drawScan } from "../packages/pipeline/dist/src/data/phantom/scan.js";
import { Random } from "../packages/stats/dist/src/random.js";
import { greyPng } from "../packages/pipeline/dist/src/page/grey-png.js";
import { mixSlices } from "../packages/pipeline/dist/src/train/losses/mixing.js";
import { cat, fromTypedArray, functional, scope, setNumThreads } from "../packages/torch/dist/src/index.js";
import { resample } from "../packages/volume/dist/src/index.js";

const size = 128;
const draws = 5;
const gap = 4;
const out = process.argv[2] ?? new URL("../docs/images/augmentation", import.meta.url).pathname;
const window = [-1000, 400]; // HU

/** Slice D, H, W of a phantom in HU, 2.5 mm apart, upright: columns to the left of the patient, rows to the back. */
function phantom(seed, label) {
  const counts = [0, 0, 0, 0, 0].map((_, k) => (k === label ? 1 : 0));
  const [plan] = planScans({ subjects: 5, seed, counts, minimum: 1, size });
  const { volume } = drawScan(plan, "LPS");
  const depth = Math.round((volume.shape[2] * volume.spacing[2]) / 4);
  const { data, spacing } = resample(volume, [size, size, depth]);
  return { hu_DHW: fromTypedArray(Float32Array.from(data), [depth, size, size]), depth, spacing };
}

/** HU → 0..1 of the window, and as far beyond it as the settings require. */
function wide(hu, config) {
  const margin = valueMargin(config);
  const [low, high] = window;
  return hu
    .sub(low)
    .div(high - low)
    .clamp(-margin, 1 + margin);
}

/** White lines every 16 pixels on grey. */
function gridOf() {
  const values = Float32Array.from({ length: size * size }, (_, k) =>
    (k % size) % 16 === 8 || Math.floor(k / size) % 16 === 8 ? 1 : 0.35,
  );
  return fromTypedArray(values, [1, 1, size, size]);
}

/** Rows of pictures H, W (0..1) of the same size, side by side with a white gap. */
function montage(name, rows) {
  const [height, width] = rows[0][0].shape;
  const [columns, across] = [rows[0].length, width + gap];
  const [w, h] = [columns * across - gap, rows.length * (height + gap) - gap];
  const grey = new Uint8Array(w * h).fill(255);
  rows.forEach((row, r) =>
    row.forEach((picture, c) => {
      const values = picture.contiguous().toTypedArray();
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          grey[(r * (height + gap) + y) * w + c * across + x] = Math.round(255 * values[y * width + x]);
    }),
  );
  writeFileSync(join(out, `${name}.png`), greyPng(grey, w, h));
}

/** 1, 1, H, W and more samples → their H, W. */
const planes = (x_BCHW) => x_BCHW.select(1, 0).unbind(0);

/** The slice, then draws of the settings; with `grid`, the same draws on a grid below. */
function row(name, config, slice_HW, { grid = false } = {}) {
  const random = new Random(20).fork(name);
  const many = (x) => augmentSlices(x.expand(draws, -1, -1, -1), config, random);
  const original = wide(slice_HW, augmentPresets().none);
  const changed = many(wide(slice_HW.view(1, 1, size, size), config));
  const rows = [[original, ...planes(changed)]];
  if (grid) rows.push([gridOf().view(size, size), ...planes(many(gridOf()))]);
  montage(name, rows);
}

const only = (name, keys = {}) => ({
  ...augmentPresets().none,
  [name]: { ...augmentations.find((one) => one.name === name).options.parse({}), probability: 1, ...keys },
});

function slices(slice_HW) {
  for (const [name, config] of [
    ["rotation", only("rotation")],
    ["crop", only("crop")],
    ["translation", only("translation")],
    ["scale", only("scale", { factor: [0.8, 1.2] })],
    ["shear", only("shear")],
    ["elastic", only("elastic", { displacement: [0.2, 0.4] })],
    ["published", augmentPresets().published],
  ])
    row(name, config, slice_HW, { grid: true });
  for (const [name, config] of [
    ["flip", only("flip", { horizontal: 0.5, vertical: 0.5 })],
    ["blur", only("blur", { sigma: [0.4, 2] })],
    ["noise", only("noise", { sigma: [0.01, 0.08] })],
    ["window", only("window", { level: [-0.15, 0.15], width: [0.7, 1.3] })],
    ["intensity", only("intensity", { scale: [0.7, 1.3], shift: [-0.1, 0.1], gamma: [0.6, 1.6] })],
    ["erase", only("erase")],
    ["light", augmentPresets().light],
    ["strong", augmentPresets().strong],
  ])
    row(name, config, slice_HW);
}

/** Four original slices of one volume, and the same slices below after one draw. */
function stack({ hu_DHW, depth }) {
  const config = { ...augmentPresets().strong, noise: null, erase: null, elastic: only("elastic").elastic };
  const places = [0.3, 0.42, 0.54, 0.66, 0.78].map((share) => hu_DHW.select(0, Math.round(share * depth)));
  const raw_BSCHW = cat(
    places.map((slice_HW) => slice_HW.view(1, 1, 1, size, size)),
    1,
  );
  const changed = augmentStacks(wide(raw_BSCHW, config), config, new Random(22));
  montage("stack", [
    places.map((slice_HW) => wide(slice_HW, augmentPresets().none)),
    changed.select(0, 0).select(1, 0).unbind(0),
  ]);
}

/** Axial, coronal and sagittal planes of a volume: the original, then three draws of its whole geometry. */
function volumes({ hu_DHW, depth, spacing }) {
  const { published } = augmentPresets();
  const config = {
    ...published,
    rotation: { ...published.rotation, tilt: [-15, 15] },
    elastic: only("elastic").elastic,
  };
  const x_BCHWD = wide(hu_DHW.permute(1, 2, 0).unsqueeze(0).unsqueeze(0), config);
  const four = cat([
    x_BCHWD,
    augmentVolumes(x_BCHWD.expand(3, -1, -1, -1, -1), config, new Random(23), {
      spacing: [spacing, spacing, spacing],
    }),
  ]);
  // The head is at the top: the highest slice comes first. The planes are stretched to squares, so that they fit in one row.
  const square = (plane) =>
    functional
      .interpolate(plane.unsqueeze(0).unsqueeze(0), [size, size], { mode: "bilinear" })
      .view(size, size);
  const middle = (volume) => [
    volume.select(2, Math.floor(depth / 2)),
    square(
      volume
        .select(0, size / 2)
        .transpose(0, 1)
        .flip(0),
    ),
    square(
      volume
        .select(1, Math.round(size / 3))
        .transpose(0, 1)
        .flip(0),
    ),
  ];
  const columns = four.select(1, 0).unbind(0).map(middle);
  montage(
    "volume",
    [0, 1, 2].map((plane) => columns.map((column) => column[plane])),
  );
}

/** Two slices, then the result of each kind of mixing. */
function mixed(first_HW, second_HW) {
  const pair = cat(
    [first_HW, second_HW].map((slice) => wide(slice, augmentPresets().none).view(1, 1, size, size)),
  );
  const labels = fromTypedArray(Float32Array.of(1, 0, 0, 1), [2, 2]);
  for (const name of ["mixup", "cutmix"]) {
    const settings = { mixup: 0, cutmix: 0, [name]: 1 };
    // Skips draws in which the slices are not mixed.
    const seen = [];
    for (let seed = 0; seen.length < 4; seed++) {
      const { unit_BCHW, target_BK } = mixSlices(pair, labels, settings, new Random(seed));
      const share = target_BK.select(0, 0).select(0, 0).item();
      if (share > 0.2 && share < 0.8) seen.push(unit_BCHW.select(0, 0).select(0, 0));
    }
    montage(name, [[...planes(pair), ...seen]]);
  }
}

setNumThreads(1);
mkdirSync(out, { recursive: true });
scope(() => {
  const sick = phantom(5, 2);
  const healthy = phantom(9, 0);
  const slice_HW = sick.hu_DHW.select(0, Math.round(sick.depth * 0.55));
  slices(slice_HW);
  stack(sick);
  volumes(sick);
  mixed(slice_HW, healthy.hu_DHW.select(0, Math.round(healthy.depth * 0.55)));
});
