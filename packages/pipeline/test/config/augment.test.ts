import assert from "node:assert/strict";
import { test } from "node:test";
import "../../src/models/catalogue.js";
import { augmentPresets } from "../../src/config/augment.js";
import { AUGMENT_PRESETS } from "../../src/config/augment-presets.js";
import { ConfigError } from "../../src/config/errors.js";
import { loadConfig } from "../../src/config/load.js";
import { configDifferences, configToFile, configToYaml } from "../../src/config/to-yaml.js";

const read = (augment: string) => loadConfig({ text: `transform: {augment: ${augment}}` }).transform.augment;

function refusal(text: string): string {
  try {
    loadConfig({ file: "run.yaml", text });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`accepted: ${text}`);
}

test("a preset by its name; true is published and false is none, as before", () => {
  for (const name of AUGMENT_PRESETS) assert.deepEqual(read(name), augmentPresets()[name]);
  assert.deepEqual(read("true"), augmentPresets().published);
  assert.deepEqual(read("false"), augmentPresets().none);
  assert.deepEqual(loadConfig({}).transform.augment, augmentPresets().published);
});

test("a section changes a preset: keys that are given, the preset's others, then the defaults; null turns one off", () => {
  const changed = read(
    "{preset: published, rotation: {degrees: [-5, 5]}, shear: null, noise: {probability: 0.5}}",
  );
  assert.deepEqual(changed, {
    ...augmentPresets().published,
    rotation: { probability: 1, degrees: [-5, 5], tilt: [-5, 5] },
    shear: null,
    noise: { probability: 0.5, sigma: [0, 0.03] },
  });
  assert.deepEqual(read("{flip: {horizontal: 0.5}}"), {
    ...augmentPresets().none,
    flip: { horizontal: 0.5, vertical: 0, slices: 0 },
  });
});

test("two runs do not share the lists of a preset", () => {
  const [first, second] = [read("published"), read("published")];
  if (first.rotation !== null) first.rotation.degrees[0] = -90;
  assert.deepEqual(second, augmentPresets().published);
});

test("an unknown key is refused with its place and the nearest one, at both levels", () => {
  assert.equal(
    refusal("transform:\n  augment:\n    rotatoin: {degrees: [-5, 5]}\n"),
    "run.yaml:3:5: unknown key transform.augment.rotatoin; did you mean transform.augment.rotation?",
  );
  assert.match(
    refusal("transform:\n  augment:\n    noise: {sigam: [0, 0.1]}\n"),
    /^run\.yaml:3:13: unknown key transform\.augment\.noise\.sigam; did you mean transform\.augment\.noise\.sigma\?/,
  );
});

test("a wrong value names its own key, what it takes, and its place", () => {
  const cases: [string, RegExp][] = [
    [
      "noise: {sigma: 3}",
      /^run\.yaml:3:20: transform\.augment\.noise\.sigma: expected \[low, high\], each from 0 to 1, received 3/,
    ],
    [
      "rotation: {degrees: [15, -15]}",
      /^run\.yaml:3:25: transform\.augment\.rotation\.degrees: expected \[low, high\] with low below high/,
    ],
    ["elastic: {displacement: [0, 0.5]}", /displacement: expected \[low, high\], each from 0 to 0\.4/],
    ["flip: {horizontal: yes}", /flip\.horizontal: expected a number from 0 to 1, received the text "yes"/],
    ["preset: heavy", /preset: expected none, light, published or strong, received the text "heavy"/],
    [
      "rotation: 5",
      /transform\.augment\.rotation: expected a section with keys such as probability, degrees, tilt, received 5/,
    ],
  ];
  for (const [line, message] of cases)
    assert.match(refusal(`transform:\n  augment:\n    ${line}\n`), message);
  for (const value of ["yes", "1", "null", "[published]"])
    assert.match(
      refusal(`transform: {augment: ${value}}`),
      /transform\.augment: expected none, light, published/,
    );
});

test("a run's file writes a preset by its name, and anything else in full, and reads back to the same", () => {
  for (const text of [
    "none",
    "published",
    "light",
    "strong",
    "{preset: strong, erase: null, noise: {sigma: [0, 0.01]}}",
  ]) {
    const config = loadConfig({ text: `transform: {augment: ${text}}` });
    assert.deepEqual(loadConfig({ text: configToYaml(config) }), config, text);
    const { augment } = configToFile(config)["transform"] as { augment: unknown };
    assert.equal(typeof augment, text.startsWith("{") ? "object" : "string");
  }
});

test("two configurations that differ in one range are told apart, as a resume asks", () => {
  const [first, second] = ["[-5, 5]", "[-6, 5]"].map((degrees) =>
    loadConfig({ text: `transform: {augment: {rotation: {degrees: ${degrees}}}}` }),
  );
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(configDifferences(first, first).length, 0);
  assert.match(configDifferences(first, second).join(), /^transform\.augment: /);
});
