/** ResNets as today's torchvision and timm save and compute them: both kinds of file load, features and gradients are the same. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { noGrad, scope, type Tensor } from "@slicestack/torch";
import { loadFile } from "@slicestack/torch/safetensors";
import { loadTrunk } from "../../src/models/load-weights.js";
import { CustomResNet } from "../../src/models/trunks/custom-resnet.js";
import type { ResNetDepth } from "../../src/models/trunks/resnet.js";
import { askOracle, withoutOracles } from "./oracles.js";

interface Computed {
  features: number[];
  gradientNorms: Record<string, number>;
}

interface Answer {
  float64: Computed;
  float32: Computed;
}

/** Relative to the largest value. In training mode in float64, in evaluation mode in float32 (see the script). */
const tolerances = {
  float64: { features: 1e-12, gradients: 1e-11 },
  float32: { features: 1e-5, gradients: 1e-4 },
};

function checkClose(
  found: readonly number[],
  expected: readonly number[],
  tolerance: number,
  what: string,
): void {
  assert.equal(found.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  const difference = Math.max(...found.map((value, k) => Math.abs(value - expected[k]!))) / largest;
  assert.ok(
    difference <= tolerance,
    `${what}: expected a difference of at most ${tolerance}, received ${difference}`,
  );
}

const depths = [18, 34, 50] as const satisfies readonly ResNetDepth[];
const models = ["torchvision", "timm"].flatMap((library) => depths.map((depth) => ({ library, depth })));

for (const { library, depth } of models)
  test(`resnet${depth}: ${library}'s files, features and gradients`, { skip: withoutOracles }, () => {
    const folder = mkdtempSync(join(tmpdir(), "slicestack-oracle-"));
    try {
      const name = `resnet${depth}`;
      const answer = askOracle<Answer>("resnet.py", library, name, folder);
      for (const ending of ["pth", "safetensors"])
        for (const dtype of ["float64", "float32"] as const)
          scope(() => {
            using model = new CustomResNet({ depth, classes: 2, dropout: 0 });
            loadTrunk(model, join(folder, `${name}.${ending}`));
            const { resnet } = model.to({ dtype });
            const input = loadFile(join(folder, `${name}-input.safetensors`)).tensors;
            const [x, cotangent] = ["x", "cotangent"].map((key) => input.get(key)!.to({ dtype }));
            const { features, gradientNorms } = answer[dtype];
            const found = noGrad(() => resnet.eval().forward(x!));
            const tolerance = tolerances[dtype];
            checkClose(found.flatten().toArray(), features, tolerance.features, `${dtype}: features`);
            resnet
              .train(dtype === "float64")
              .forward(x!)
              .mul(cotangent!)
              .sum()
              .backward();
            const parameters = resnet.namedParameters();
            assert.deepEqual([...parameters.keys()], Object.keys(gradientNorms));
            const norms = [...parameters.values()].map((parameter) => normOf(parameter.grad!));
            checkClose(norms, Object.values(gradientNorms), tolerance.gradients, `${dtype}: gradients`);
          });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

const normOf = (x: Tensor): number => x.square().sum().sqrt().item();
