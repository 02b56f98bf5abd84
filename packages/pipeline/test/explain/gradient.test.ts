/** The gradient in pieces, through every head and the trunk, against finite differences of the score. */
import assert from "node:assert/strict";
import { manualSeed, randn, scope } from "@slicestack/torch";
import { gradCam } from "../../src/explain/grad-cam.js";
import { headReadOut, SliceFunction, voteReadOut } from "../../src/explain/slice-function.js";
import { Maps3dHead } from "../../src/models/networks/maps-3d.js";
import { createHead, createSliceModel } from "../../src/models/create-by-name.js";
import { headNames } from "../../src/models/catalogue.js";
import { sliceTransform } from "../../src/input/of-config.js";
import { datasetSource } from "../../src/input/source.js";
import { SliceStore } from "../../src/input/slices.js";
import { config, leakFree, randomDataset } from "../models/support.js";

// More than go through the trunk at once.
const slices = 19;

for (const name of ["vote", "maps_3d", ...headNames] as const) {
  leakFree(
    `${name}: the gradient of 19 slices, in pieces, is the slope of the score; Grad-CAM covers all slices`,
    (folder) => {
      manualSeed(6);
      const dataset = randomDataset(folder, [slices], [16, 24]);
      using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
      using trunk = createSliceModel({ model: "slice_cnn", dropout: 0 }, 3, [16, 24]);
      const shape = { embedding: trunk.embedding, slices: slices + 2, classes: 3 };
      const head =
        name === "vote"
          ? null
          : name === "maps_3d"
            ? Object.assign(new Maps3dHead({ mapChannels: trunk.mapChannels, classes: 3 }), {
                sees: "maps" as const,
              })
            : createHead({ model: name, dropout: 0 }, shape);
      using _head = head;
      for (const module of [trunk, head]) module?.to({ dtype: "float64" });
      const readOut = head === null ? voteReadOut(trunk) : headReadOut(trunk, head, slices + 2);
      const model = new SliceFunction({
        trunk,
        readOut,
        store,
        slicesOf: (volume) => store.slicesOf(volume),
        stored: [16, 24],
      });
      const unit = model.input(dataset.volumes[0]!).to({ dtype: "float64" });
      const { input, score } = model.gradient(unit, 1, null);
      assert.ok(Math.abs(score - model.score(unit, 1)) < 1e-9);
      for (let k = 0; k < 3; k++)
        scope(() => {
          const way = randn(unit.shape, { dtype: "float64" });
          const step = 1e-8; // a larger one crosses the kinks of ReLU and max pooling
          const at = (side: number) => model.score(unit.add(way.mul(side * step)), 1);
          const [slope, wanted] = [input.mul(way).sum().item(), (at(1) - at(-1)) / (2 * step)];
          const size = input.norm().item();
          assert.ok(size > 1e-6 && Math.abs(slope - wanted) < 1e-3 * size, `${slope}, wanted ${wanted}`);
        });
      assert.deepEqual(gradCam(model, unit, 1, model.layer("bn2")).shape, [slices, 16, 24]);
    },
  );
}
