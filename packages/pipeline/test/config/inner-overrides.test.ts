/** Flags of what is inside a value: options of components, and of augmentations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/config/errors.js";
import { loadConfig } from "../../src/config/load.js";
import "../../src/models/catalogue.js";
import { ofMethod } from "./of-method.js";

const attention = "head: {model: {attention: {width: 32}}}\n";

const headOf = (text: string, overrides: Record<string, string>) =>
  ofMethod(loadConfig({ text, overrides }), "2.5d").head.model;

function problemsOf(text: string, overrides: Record<string, string>): string[] {
  try {
    loadConfig({ file: "run.yaml", text, overrides });
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split("\n");
  }
  return assert.fail(`accepted: ${JSON.stringify(overrides)}`);
}

test("an option of a component is a flag, which chooses the component; the file's other options stay", () => {
  assert.deepEqual(headOf("", { "head.model.topk.k": "3" }), { name: "topk", options: { k: 3 } });
  assert.deepEqual(headOf(attention, { "head.model.topk.k": "3" }), { name: "topk", options: { k: 3 } });
  assert.deepEqual(headOf(attention, { "head.model.attention.width": "16" }).options, { width: 16 });
  const transformer = "head: {model: {transformer: {layers: 1}}}\n";
  assert.deepEqual(headOf(transformer, { "head.model.transformer.width": "64" }).options, {
    layers: 1,
    width: 64,
  });
  assert.deepEqual(headOf("", { "head.model.topk.k": "3", "head.model": "topk" }).options, { k: 3 });
  const { network } = ofMethod(
    loadConfig({ overrides: { method: "3d", "network.loss.focal.gamma": "1.5" } }),
    "3d",
  );
  assert.deepEqual(network.loss, { name: "focal", options: { gamma: 1.5 } });
});

test("an option of an augmentation changes the preset: that of the file, of a flag, or the default one", () => {
  const augmentOf = (text: string, overrides: Record<string, string>) =>
    loadConfig({ text, overrides }).transform.augment;
  const degrees = { "transform.augment.rotation.degrees": "[-3, 3]" };
  const alike = (section: string) =>
    loadConfig({ text: `transform: {augment: ${section}}` }).transform.augment;
  const rotation = "rotation: {degrees: [-3, 3]}";
  assert.deepEqual(augmentOf("", degrees), alike(`{preset: published, ${rotation}}`));
  assert.deepEqual(augmentOf("transform: {augment: light}", degrees), alike(`{preset: light, ${rotation}}`));
  const strong = { ...degrees, "transform.augment": "strong", "transform.augment.noise": "null" };
  assert.deepEqual(augmentOf("", strong), alike(`{preset: strong, ${rotation}, noise: null}`));
});

test("a wrong option, value or component is refused with its flag; so are two components for one key", () => {
  assert.deepEqual(problemsOf(attention, { "head.model.topk.m": "3" }), [
    "--head.model.topk.m: there is no such option; topk has k",
  ]);
  assert.match(
    problemsOf("", { "head.model.topk.k": "0" }).join(),
    /^--head\.model\.topk\.k: .*at least 1, received 0/,
  );
  assert.match(
    problemsOf("", { "head.model.topq.k": "3" }).join(),
    /^--head\.model\.topq\.k: .*topq is not a head \(expected .*\); did you mean --head\.model\.topk\.k\?/,
  );
  assert.match(problemsOf("", { "head.model.topk": "3" }).join(), /to choose it, give --head\.model topk/);
  assert.match(
    problemsOf("", { "head.model": "attention", "head.model.topk.k": "3" }).join(),
    /an option of topk, but --head\.model chooses attention; remove one of them/,
  );
  assert.match(
    problemsOf("", { "head.model.attention.width": "16", "head.model.topk.k": "3" }).join(),
    /an option of topk, but --head\.model\.attention\.width chooses attention/,
  );
  assert.match(
    problemsOf("", { "transform.augment.rotation.degree": "3" }).join(),
    /^--transform\.augment\.rotation\.degree: unknown key .*did you mean .*transform\.augment\.rotation\.degrees/,
  );
  assert.match(
    problemsOf("", { "network.model.attn.width": "3" }).join(),
    /network is a section of method 3d/,
  );
});
