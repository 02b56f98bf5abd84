/** A built-in component is named in its own file and in the catalogue, and nowhere else in the product. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { heads, losses, metrics, networks, trunks } from "@slicestack/pipeline/models";

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
  const files = sources().filter(({ place }) => place !== "models/catalogue.ts" && !configurations.includes(place));
  const components = [...trunks, ...heads, ...networks, ...losses, ...metrics];
  const names = new Set(components.map(({ name }) => name).filter((name) => !commonWords.has(name)));
  for (const name of names) {
    const quoted = new RegExp(`["'\`]${name}["'\`]`);
    const naming = files.filter(({ text }) => quoted.test(text)).map(({ place }) => place);
    assert.equal(naming.length, 1, `${name} is named in ${naming.join(", ")}`);
    assert.match(naming[0], /^models\/(trunks|heads|networks|losses|metrics)\//);
  }
});
