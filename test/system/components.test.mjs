/** A built-in component is named in its own file and in a catalogue, and nowhere else in the product. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { heads, losses, metrics, networks, trunks } from "@slicestack/pipeline/models";
import { augmentations } from "../../packages/pipeline/dist/src/augment/catalogue.js";
import { importsOf, resolveRelative } from "../../scripts/imports.mjs";

const root = join(import.meta.dirname, "../..");

/** The text of configs/demo.yaml names what a configuration names. */
const configurations = ["config/demo.ts", "config/stored.ts"];
/** Words of code that also name something else: a vote over slices, a reduction, a field, a score of the evaluation. */
const commonWords = new Set(["mean", "max", "loss", "auroc", "topk", "noisy_or", "ordinal"]);

/** Without comments, whose words name components as people do. */
const codeOf = (file) =>
  readFileSync(file, "utf8")
    .replace(/\/\*[^]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");

function sources() {
  return ["pipeline", "cli"].flatMap((name) => {
    const folder = join(root, "packages", name, "src");
    return readdirSync(folder, { recursive: true })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => ({ place: file, text: codeOf(join(folder, file)) }));
  });
}

test("a built-in trunk, head, network, loss or metric is named in one file, its own, and listed in the catalogue", () => {
  const files = sources().filter(
    ({ place }) => place !== "models/catalogue.ts" && !configurations.includes(place),
  );
  const components = [...trunks, ...heads, ...networks, ...losses, ...metrics];
  const names = new Set(components.map(({ name }) => name).filter((name) => !commonWords.has(name)));
  for (const name of names) {
    const quoted = new RegExp(`["'\`]${name}["'\`]`);
    const naming = files.filter(({ text }) => quoted.test(text)).map(({ place }) => place);
    assert.equal(naming.length, 1, `${name} is named in ${naming.join(", ")}`);
    assert.match(naming[0], /^models\/(trunks|heads|networks|losses|metrics)\//);
  }
});

/** Words of code that also name something else: a slice is cropped, values have a scale and a window. */
const commonTransforms = new Set(["crop", "scale", "window", "noise", "blur", "intensity"]);

test("a built-in augmentation is one file, which the catalogue lists; no other file imports or names it", () => {
  const folder = join(root, "packages/pipeline/src");
  const files = sources().filter(({ place }) => place !== "augment/catalogue.ts");
  const importing = (file) =>
    readdirSync(folder, { recursive: true })
      .filter((place) => place.endsWith(".ts"))
      .filter((place) =>
        importsOf(join(folder, place)).some(
          ({ name }) => resolveRelative(join(folder, place), name) === file,
        ),
      );
  for (const { name, step } of augmentations) {
    // The displacement field is a part of the one interpolation.
    const expected =
      step === "field" ? ["augment/catalogue.ts", "augment/warp.ts"] : ["augment/catalogue.ts"];
    assert.deepEqual(importing(join(folder, "augment", `${name}.ts`)).sort(), expected, name);
    const quoted = new RegExp(`["'\`]${name}["'\`]`);
    const naming = files.filter(({ text }) => quoted.test(text)).map(({ place }) => place);
    assert.ok(naming.includes(`augment/${name}.ts`), name);
    if (!commonTransforms.has(name))
      assert.equal(naming.length, 1, `${name} is named in ${naming.join(", ")}`);
  }
  const defining = files
    .filter(({ text }) => /= define(Affine|Change|Field)\(/.test(text))
    .map(({ place }) => place);
  assert.equal(defining.length, augmentations.length, "every definition is listed");
});
