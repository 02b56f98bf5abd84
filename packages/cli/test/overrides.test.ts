import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../src/exit-codes.js";
import { collectOverride, FLAT_KEYS, rewriteOverrides } from "../src/overrides.js";

test("dotted flags become --set, with a value after a space or an equals sign", () => {
  assert.deepEqual(
    rewriteOverrides([
      "train",
      "--slice.epochs",
      "3",
      "--data",
      "d",
      "--head.model=mean",
      "--transform.mean",
      "-0.5",
    ]),
    [
      "train",
      "--set",
      "slice.epochs=3",
      "--data",
      "d",
      "--set",
      "head.model=mean",
      "--set",
      "transform.mean=-0.5",
    ],
  );
  assert.deepEqual(rewriteOverrides(["train", "--head.model.maps_3d.width", "8"]), [
    "train",
    "--set",
    "head.model.maps_3d.width=8",
  ]);
  assert.deepEqual(rewriteOverrides(["train", "--slice.size=a=b"]), ["train", "--set", "slice.size=a=b"]);
  assert.deepEqual(rewriteOverrides(["train", "--task.class_names="]), [
    "train",
    "--set",
    "task.class_names=",
  ]);
});

test("keys outside sections are flags of train only; demo has a --seed of its own", () => {
  assert.deepEqual(rewriteOverrides(["train", "--seed", "3"]), ["train", "--set", "seed=3"]);
  assert.deepEqual(rewriteOverrides(["demo", "--seed", "3"]), ["demo", "--seed", "3"]);
  assert.deepEqual(rewriteOverrides(["split", "d", "--slice.epochs", "3"]), [
    "split",
    "d",
    "--slice.epochs",
    "3",
  ]);
});

test("keys of published flat files are flags of the commands that read such a file", async () => {
  const published = new URL("../../../pipeline/dist/src/config/published.js", import.meta.url);
  const { FLAT_KEYS: known } = (await import(published.href)) as { FLAT_KEYS: string[] };
  assert.deepEqual([...FLAT_KEYS].sort(), [...known].sort(), "the two lists");
  assert.deepEqual(rewriteOverrides(["train", "--batch_size", "32", "--learning_rate=1e-3"]), [
    "train",
    "--set",
    "batch_size=32",
    "--set",
    "learning_rate=1e-3",
  ]);
  assert.deepEqual(rewriteOverrides(["evaluate", "--model", "attn"]), ["evaluate", "--set", "model=attn"]);
});

test("a flag without a value is a UsageError that names it; after -- nothing is rewritten", () => {
  assert.throws(() => rewriteOverrides(["train", "--slice.epochs"]), UsageError);
  assert.throws(
    () => rewriteOverrides(["train", "--slice.epochs", "--data", "d"]),
    /^UsageError: --slice\.epochs: expected/,
  );
  assert.deepEqual(rewriteOverrides(["train", "--", "--slice.epochs"]), ["train", "--", "--slice.epochs"]);
});

test("--set collects KEY=VALUE, the last one wins", () => {
  const first = collectOverride("slice.epochs=3", {});
  assert.deepEqual(collectOverride("slice.epochs=4=5", first), { "slice.epochs": "4=5" });
  assert.throws(() => collectOverride("slice.epochs", {}), /expected KEY=VALUE/);
  assert.throws(() => collectOverride("=3", {}), UsageError);
});
