/** Exported files in Python: its checker and onnxruntime accept each graph, and torchvision's modules take the weights. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { test } from "node:test";
import { manualSeed, noGrad, rand, scope } from "@slicestack/torch";
import { componentsOf } from "../../src/config/components.js";
import "../../src/models/catalogue.js";
import { exportOnnx, type ExportPart } from "../../src/export/onnx.js";
import { TARGETS } from "../../src/export/targets.js";
import type { ModelSpec } from "../../src/models/spec.js";
import { isNetwork } from "../../src/predict/open-model.js";
import { writeSafetensors } from "../../src/weights/safetensors.js";
import {
  asInput,
  bytesOf,
  inEngine,
  near,
  opened,
  sliceSpec,
  stackSpec,
  volumeSpec,
  voxelsOf,
} from "../export/support.js";
import { askOracle, withoutOracles } from "./oracles.js";

type Answer = Record<string, { outputs: Record<string, number[]>; use: string }>;

const heads = componentsOf("head").map(({ name }): [string, ModelSpec] => [
  `head-${name}`,
  stackSpec("slice_cnn", { name }),
]);
const networks = componentsOf("network").map(({ name }): [string, ModelSpec] => [
  `network-${name}`,
  volumeSpec(name, [32, 32, 32], "resize"),
]);
const trunks = componentsOf("trunk")
  .filter(({ isSetting }) => isSetting !== false)
  .map(({ name }): [string, ModelSpec] => [
    `trunk-${name}`,
    sliceSpec(name, { rule: "mean", k: 8 }, { planes: "three", neighbours: 3 }),
  ]);

function inFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-oracle-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const [kind, specs] of Object.entries({ heads, networks, trunks }))
  test(`${kind}: onnx.checker (full check) and Python's onnxruntime`, { skip: withoutOracles }, () =>
    inFolder((folder) => {
      const wanted = new Map<string, number[]>();
      for (const [name, spec] of specs) {
        using model = opened(spec);
        const voxels = voxelsOf(spec, 1, 8);
        const calibration = { priors: null, temperature: 1.5 };
        const input = asInput(spec, voxels, 8);
        writeFileSync(
          join(folder, `${name}.onnx`),
          bytesOf(exportOnnx(model, { calibration, weights: "float32" })),
        );
        writeFileSync(
          join(folder, `${name}.json`),
          JSON.stringify({ voxels: { ...input, data: [...input.data] } }),
        );
        const { models, slices } = inEngine(model, voxels, 8);
        wanted.set(name, models.at(-1)?.probabilities.flat() ?? [...slices!.probabilities]);
      }
      const answer = askOracle<Answer>("onnx_check.py", folder);
      for (const [name, expected] of wanted) {
        const { outputs, use } = answer[name]!;
        near(outputs[kind === "trunks" ? "slice_probabilities" : "probabilities"]!, expected, 1e-4, name);
        assert.match(use, /^Research use only/);
      }
    }),
  );

test("parts, and weights in half precision, pass the checker too", { skip: withoutOracles }, () =>
  inFolder((folder) => {
    const spec = stackSpec("slice_cnn", { name: "gru" });
    using model = opened(spec);
    const trunk = {
      voxels: { type: "int16", shape: [1, 8, 32, 40], data: new Array<number>(8 * 32 * 40).fill(40) },
    };
    const head = {
      features: { type: "float32", shape: [1, 2, 128], data: new Array<number>(256).fill(0.5) },
      mask: { type: "bool", shape: [1, 2], data: [1, 0] },
    };
    for (const [part, given] of Object.entries({ whole: trunk, trunk, head })) {
      const exported = exportOnnx(model, { part: part as ExportPart, calibration: null, weights: "float16" });
      writeFileSync(join(folder, `${part}.onnx`), bytesOf(exported));
      writeFileSync(join(folder, `${part}.json`), JSON.stringify(given));
    }
    const answer = askOracle<Answer>("onnx_check.py", folder);
    assert.deepEqual(Object.keys(answer).sort(), ["head", "trunk", "whole"]);
    assert.equal(answer["trunk"]!.outputs["features"]!.length, 8 * 128);
  }),
);

test(
  "config.pbtxt for Triton is read by protobuf's text format, and says what the graph says",
  { skip: withoutOracles },
  () =>
    inFolder((folder) => {
      const spec = stackSpec("slice_cnn", { name: "attention" }, { classes: 2 });
      using model = opened({ ...spec, name: 'a "quoted" \\ name ü' });
      const out = join(folder, "lung");
      const options = { out, overwrite: false, weights: "float32" as const };
      const { graph } = TARGETS.triton.write([{ model, calibration: null }], options);
      interface TensorConfig {
        name: string;
        data_type: string;
        dims: string[];
      }
      const config = askOracle<{
        name: string;
        backend: string;
        max_batch_size: number;
        input: TensorConfig[];
        output: TensorConfig[];
        dynamic_batching: Record<string, string>;
        parameters: Record<string, { string_value: string }>;
      }>("triton_config.py", join(out, "config.pbtxt"));
      assert.deepEqual([config.name, config.backend, config.max_batch_size], ["lung", "onnxruntime", 8]);
      assert.deepEqual(config.input, [{ name: "voxels", data_type: "TYPE_INT16", dims: ["-1", "32", "40"] }]);
      assert.deepEqual(
        config.output.map(({ name }) => name),
        graph!.outputs.map(({ name }) => name),
      );
      assert.equal(config.dynamic_batching["max_queue_delay_microseconds"], "5000");
      assert.equal(config.parameters["slicestack.name"]!.string_value, 'a "quoted" \\ name ü');
    }),
);

for (const library of ["torchvision", "timm"])
  for (const name of ["resnet18", "resnet34", "resnet50"])
    test(
      `${library}'s ${name} takes the exported weights, after training, and gives equal logits`,
      { skip: withoutOracles },
      () =>
        inFolder((folder) => {
          using model = opened(stackSpec(name, { name: "attention" }, { classes: 3 }), 20);
          assert.ok(!isNetwork(model));
          const { trunk } = model;
          scope(() => {
            manualSeed(2);
            const x = rand([2, 3, 64, 64]);
            const out = join(folder, "weights.safetensors");
            TARGETS.safetensors.write([{ model, calibration: null }], { out, overwrite: false });
            const input = join(folder, "input.safetensors");
            writeSafetensors(input, new Map([["x", x]]));
            const logits = noGrad(() => trunk.eval().forward(x)).toArray();
            near(
              askOracle<number[]>("exported_weights.py", library, name, out, input),
              logits,
              1e-4,
              "logits",
            );
          });
        }),
    );
