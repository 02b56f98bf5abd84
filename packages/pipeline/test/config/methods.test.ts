/** The configuration is a union on `method`: what another method has is refused, and what has a new name names it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { ConfigError } from "../../src/config/errors.js";
import { configKeys } from "../../src/config/keys.js";
import { loadConfig } from "../../src/config/load.js";
import { ofMethod } from "./of-method.js";

function refusal(text: string, overrides: Record<string, string> = {}): ConfigError {
  try {
    loadConfig({ file: "run.yaml", text, overrides });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail(`accepted: ${text}`);
}

test("each method has its sections, and no other's", () => {
  const sections = (text: string) =>
    Object.entries(loadConfig({ text }))
      .filter(([, value]) => typeof value === "object" && value !== null && !Array.isArray(value))
      .map(([name]) => name);
  const all = ["task", "split", "transform"];
  assert.deepEqual(sections("method: 2d"), [...all, "slice", "log"]);
  assert.deepEqual(sections("method: 2.5d"), [...all, "slice", "head", "fineTune", "log"]);
  assert.deepEqual(sections(""), sections("method: 2.5d"));
  assert.deepEqual(sections("method: 3d"), [...all, "network", "log"]);
  const methods = (key: string) => configKeys().find((one) => one.key === key)?.methods;
  assert.deepEqual(methods("slice.epochs"), ["2d", "2.5d"]);
  assert.deepEqual(methods("head.epochs"), ["2.5d"]);
  assert.deepEqual(methods("network.epochs"), ["3d"]);
  assert.deepEqual(methods("seed"), ["2d", "2.5d", "3d"]);
});

test("a section of another method is refused at its line, with the reason; so is a flag", () => {
  const { message, line, column } = refusal("method: 3d\nslice: {epochs: 2}\nfine_tune: {epochs: 1}\n");
  assert.deepEqual([line, column], [2, 1]);
  assert.equal(
    message,
    "run.yaml:2:1: slice is a section of method 2d or 2.5d; this configuration has method 3d, whose section is network. Remove it, or change method.\n" +
      "run.yaml:3:1: fine_tune is a section of method 2.5d; this configuration has method 3d, whose section is network. Remove it, or change method.",
  );
  assert.match(
    refusal("seed: 1", { "network.size": "[32, 32, 32]" }).message,
    /^--network\.size: network is a section of method 3d; .* method 2\.5d, whose sections are slice, head, fine_tune\./,
  );
  assert.match(
    refusal("method: 4d\nslice: {epoch: 1}").message,
    /^run\.yaml:1:9: method: expected 2d, 2\.5d or 3d/,
  );
  assert.match(
    refusal("", { method: "4d" }).message,
    /^--method: expected 2d, 2\.5d or 3d, received the text "4d"$/,
  );
});

test("a flag that changes the method leaves out what the new one does not have", () => {
  const text = "seed: 3\nslice: {epochs: 2}\nhead: {model: mean}\nfine_tune: {epochs: 1}";
  const slices = ofMethod(loadConfig({ text, overrides: { method: "2d" } }), "2d");
  assert.deepEqual([slices.seed, slices.slice.epochs], [3, 2]);
  const volumes = loadConfig({ text, overrides: { method: "3d", "network.epochs": "4" } });
  assert.equal(ofMethod(volumes, "3d").network.epochs, 4);
  assert.match(refusal(`${text}\nslise: {epochs: 1}`, { method: "3d" }).message, /unknown key slise/);
});

const former: [text: string, place: string, message: string][] = [
  ["volume: {head: attention}", "1:10", "volume.head is now head.model"],
  ["seed: 1\nvolume:\n  epochs: 3\n", "3:3", "volume.epochs is now head.epochs"],
  ["method: 3d\nvolume: {epochs: 3}", "2:10", "volume.epochs is now network.epochs"],
  ["method: 3d\nvolume: {size: [8, 8, 8]}", "2:10", "volume.size is now network.size"],
  ["volume: {slices: 8}", "1:10", "volume.slices is now head.slices"],
  [
    "volume: {k: 3}",
    "1:10",
    "volume.k is now an option of the head, below its name: head: {model: {NAME: {k: 3}}}",
  ],
  [
    "slice: {focal_gamma: 1}",
    "1:9",
    "slice.focal_gamma is now an option of the loss, below its name: slice: {loss: {focal: {gamma: 1}}}",
  ],
  [
    "volume: {focal_alpha: [1, 2]}",
    "1:10",
    "volume.focal_alpha is now an option of the loss, below its name: head: {loss: {focal: {alpha: [1,2]}}}",
  ],
  [
    "volume: {model: attn}",
    "1:10",
    "volume.model is now network.model, a key of method 3d, and this configuration has method 2.5d; remove it",
  ],
  [
    "method: 2d\nvolume: {epochs: 3}",
    "2:10",
    "volume.epochs is now head.epochs (method 2.5d) or network.epochs (method 3d), and method 2d has neither; remove it",
  ],
  ["volume: {mixup: 1}", "1:10", "unknown key volume.mixup; the section volume is now head"],
  ["volume: 3", "1:1", "volume is now head"],
];

for (const [text, place, message] of former)
  test(`${JSON.stringify(text)} is refused with the new name`, () => {
    assert.equal(refusal(text).message, `run.yaml:${place}: ${message}`);
  });

test("former keys as flags are refused with the new name, and all of a file at once", () => {
  const flag = refusal("", { "volume.head": "mean" });
  assert.equal(flag.message, "--volume.head: volume.head is now head.model");
  assert.deepEqual(flag.suggestions, ["head.model"]);
  const file = refusal("volume: {head: mean, epochs: 3, views: 1}\nslice: {focal_gamma: 2}");
  assert.deepEqual(
    file.problems.map(({ key }) => key),
    ["volume.head", "volume.epochs", "volume.views", "slice.focal_gamma"],
  );
});

test("options lie below the name of a component, of built-in ones as of plug-ins, in files and in flags", () => {
  const text = "head: {model: {gru: {width: 16, layers: 2}}, loss: {focal: {gamma: 1.5}}}";
  const { head } = ofMethod(loadConfig({ text }), "2.5d");
  assert.deepEqual(head.model, { name: "gru", options: { width: 16, layers: 2 } });
  assert.deepEqual(head.loss, { name: "focal", options: { gamma: 1.5 } });
  const flags = { "head.model": "{topk: {k: 2}}", "slice.loss": "{focal: {alpha: [1, 2]}}" };
  const config = ofMethod(loadConfig({ overrides: flags }), "2.5d");
  assert.deepEqual(config.head.model, { name: "topk", options: { k: 2 } });
  assert.deepEqual(config.slice.loss, { name: "focal", options: { alpha: [1, 2] } });
  assert.equal(
    refusal("", { "head.model": "{topk: {k: none}}" }).message,
    '--head.model: head.model.topk.k: expected a whole number, at least 1, received the text "none"',
  );
});
