/** Trunks as today's torchvision, timm and transformers save and compute them: files load by name, features and gradients are the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { autocast, noGrad, scope, type Tensor } from "@slicestack/torch";
import { loadFile } from "@slicestack/torch/safetensors";
import { createSliceModel } from "../../src/models/create-by-name.js";
import { loadTrunk } from "../../src/models/load-weights.js";
import type { BackboneModel } from "../../src/models/trunks/backbone.js";
import { askOracle, withoutOracles } from "./oracles.js";

interface Computed {
  features: number[];
  gradientNorms: Record<string, number>;
  inputGradientNorm: number;
}

interface Answer {
  float64: Computed;
  float32: Computed;
  bfloat16: Pick<Computed, "features">;
}

interface Case {
  trunk: string;
  options?: Record<string, unknown>;
  library: "torchvision" | "timm" | "transformers" | "efficientnet-lite-pytorch";
  /** Its name in that library. */
  name?: string;
  size?: number;
  /** A parameter of ours that is a part of another one there. */
  apart?: string;
}

const imageNet = { options: { features: "token" } };
const dino = { features: "token", patch: 14, layer_scale: true };

const cases: Case[] = [
  ...["b0", "b1", "b2", "b3", "b4", "v2_s"].map((kind): Case => ({
    trunk: `efficientnet_${kind}`,
    library: "torchvision",
  })),
  ...["b0", "b4"].map((kind): Case => ({ trunk: `efficientnet_${kind}`, library: "timm" })),
  {
    trunk: "efficientnet_v2_s",
    library: "timm",
    name: "tf_efficientnetv2_s",
    options: { origin: "tensorflow" },
  },
  {
    trunk: "efficientnet_b0",
    library: "timm",
    name: "tf_efficientnet_b0",
    options: { origin: "tensorflow" },
  },
  { trunk: "efficientnet_lite0", library: "timm", name: "tf_efficientnet_lite0" },
  { trunk: "efficientnet_lite0", library: "efficientnet-lite-pytorch", size: 224 },
  { trunk: "efficientnet_lite0", library: "timm", options: { origin: "torch" } },
  ...["convnext_tiny", "convnext_small"].flatMap((trunk): Case[] => [
    { trunk, library: "torchvision" },
    { trunk, library: "timm" },
  ]),
  { trunk: "densenet121", library: "torchvision" },
  { trunk: "densenet121", library: "timm" },
  { trunk: "vit_small", library: "timm", name: "vit_small_patch16_224", ...imageNet },
  { trunk: "vit_base", library: "torchvision", name: "vit_b_16", size: 224, options: imageNet.options },
  {
    trunk: "vit_small",
    library: "timm",
    name: "vit_small_patch14_dinov2",
    size: 70,
    options: dino,
  },
  {
    trunk: "vit_small",
    library: "timm",
    name: "vit_small_patch14_reg4_dinov2",
    size: 70,
    options: { ...dino, registers: 4 },
    apart: "cls_token", // there it holds its position, so that both have one gradient
  },
  { trunk: "vit_small", library: "transformers", name: "dinov2", size: 518, options: dino },
  { trunk: "vit_small", library: "transformers", name: "vit", ...imageNet },
];

/** Relative to the largest value; in float32 at least four times what float32 costs PyTorch itself. */
const tolerances = {
  float64: { features: 1e-11, gradients: 1e-10 },
  float32: { features: 1e-5, gradients: 1e-4 },
};
/** Of bfloat16, whose numbers have 8 bits; the rounding of some hundred layers adds up. */
const band = 0.05;

function difference(found: readonly number[], expected: readonly number[], what: string): number {
  assert.equal(found.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...found.map((value, k) => Math.abs(value - expected[k]!))) / largest;
}

function checkClose(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  const far = difference(found, expected, what);
  assert.ok(far <= tolerance, `${what}: expected a difference of at most ${tolerance}, received ${far}`);
}

for (const { trunk, options = {}, library, name = trunk, size = 64, apart } of cases)
  test(`${trunk}: ${library}'s files of ${name}, features and gradients`, { skip: withoutOracles }, () => {
    const folder = mkdtempSync(join(tmpdir(), "slicestack-oracle-"));
    try {
      const answer = askOracle<Answer>("trunk.py", library, name, String(size), folder);
      for (const ending of ["pth", "safetensors"])
        scope(() => {
          const settings = { model: { name: trunk, options }, dropout: 0 };
          using model = createSliceModel(settings, 2, [size, size]) as BackboneModel;
          loadTrunk(model, join(folder, `${name}.${ending}`));
          const input = loadFile(join(folder, `${name}-input.safetensors`)).tensors;
          checkHalf(model, input.get("x")!, answer);
          for (const dtype of ["float32", "float64"] as const) {
            const [x, cotangent] = ["x", "cotangent"].map((key) => input.get(key)!.to({ dtype }));
            check(model, dtype, x!, cotangent!, answer, apart);
          }
        });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

function check(
  model: BackboneModel,
  dtype: "float64" | "float32",
  x: Tensor,
  cotangent: Tensor,
  answer: Answer,
  apart?: string,
): void {
  const { backbone } = model.to({ dtype }).eval();
  const image = x.clone().requiresGrad_();
  backbone.zeroGrad();
  const found = backbone.forward(image);
  found.mul(cotangent).sum().backward();
  const own = [...backbone.namedParameters()].flatMap(([name, { grad }]) =>
    grad === null || name === apart ? [] : [normOf(grad)],
  );
  const numbers = {
    features: found.flatten().toArray(),
    gradients: [totalOf(own), normOf(image.grad!)],
  };
  for (const kind of ["features", "gradients"] as const) {
    const [exact, float32] = [numbersOf(answer.float64)[kind], numbersOf(answer.float32)[kind]];
    const cost = dtype === "float64" ? 0 : 4 * difference(float32, exact, kind);
    const allowed = Math.max(tolerances[dtype][kind], cost);
    checkClose(numbers[kind], numbersOf(answer[dtype])[kind], allowed, `${dtype}: ${kind}`);
  }
}

/** Of gradients the norm of all: the same parameters have other names, and in some networks another order, or are joined. */
const numbersOf = ({ features, gradientNorms, inputGradientNorm }: Computed) => ({
  features,
  gradients: [totalOf(Object.values(gradientNorms)), inputGradientNorm],
});
const totalOf = (norms: readonly number[]): number =>
  Math.sqrt(norms.reduce((sum, norm) => sum + norm ** 2, 0));

function checkHalf({ backbone }: BackboneModel, x: Tensor, { float32, bfloat16 }: Answer): void {
  backbone.eval();
  const found = noGrad(() =>
    autocast({ dtype: "bfloat16" }, () => backbone.forward(x).to({ dtype: "float32" })),
  );
  const theirs = difference(bfloat16.features, float32.features, "bfloat16");
  const far = difference(found.flatten().toArray(), float32.features, "bfloat16");
  assert.ok(
    far <= Math.max(band, 2 * theirs),
    `bfloat16: expected at most ${band} or twice ${theirs}, received ${far}`,
  );
}

const normOf = (x: Tensor): number => x.square().sum().sqrt().item();
