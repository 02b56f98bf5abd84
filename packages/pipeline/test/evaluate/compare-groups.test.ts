/** Groups compared: what their members say together, and the folds by the corrected resampled t-test. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import "../../src/models/catalogue.js";
import { correctedResampledTTest } from "@slicestack/stats";
import { compareRuns } from "../../src/tasks/compare-runs.js";
import { ensembleOf, combinationOf } from "../../src/evaluate/group/ensemble.js";
import { readGroupMetrics } from "../../src/evaluate/group/metrics-file.js";
import { writePredictions, type Predictions } from "../../src/evaluate/predictions.js";
import { groupPaths } from "../../src/run/group.js";
import { runPaths } from "../../src/run/folder.js";
import { openPage, skipWithoutChromium } from "./chromium.js";
import { simulate } from "./fixture.js";

const folder = mkdtempSync(join(tmpdir(), "slicestack-compare-groups-"));
after(() => rmSync(folder, { recursive: true }));
const FOLDS = [0, 1, 2, 3];

interface Example {
  signal: number;
  seed: number;
  classes?: string[];
  seeds?: number;
  /** false: seeds of one split. */
  folds?: boolean;
}

/** A group folder as evaluate leaves it, as far as compare reads it. */
function group(
  name: string,
  { signal, seed, classes = ["benign", "malignant"], seeds = 1, folds = true }: Example,
) {
  const root = join(folder, name);
  const paths = groupPaths(root);
  const members = FOLDS.flatMap((fold) =>
    Array.from({ length: seeds }, (_, s) => {
      const all = simulate({ model: "2.5d", seed: seed + 10 * fold + s, counts: [12, 9], signal });
      const before = folds ? `f${fold}-` : "";
      const named = (texts: readonly string[]) => texts.map((text) => `${before}${text}`);
      const predictions: Predictions = { ...all, ids: named(all.ids), subjects: named(all.subjects) };
      return {
        name: `fold${fold}-seed${s}`,
        fold: folds ? fold : null,
        seed: s,
        splitHash: folds ? `hash${fold}` : "one",
        predictions,
      };
    }),
  );
  for (const { name: own, predictions } of members) {
    mkdirSync(join(root, own), { recursive: true });
    writePredictions(runPaths(join(root, own)).predictions, [predictions]);
  }
  const said = members.map(({ predictions }) => [predictions]);
  writePredictions(paths.predictions, ensembleOf(said));
  writeFileSync(paths.record, "{}");
  writeFileSync(
    paths.summary,
    JSON.stringify({
      version: 1,
      run: {
        name,
        method: "2.5d",
        seed: 1,
        mainModel: "2.5d",
        classes,
        ordinal: false,
        dataset: { name: "simulated", hash: "d" },
        splitHash: "s",
        external: null,
        labelsShuffled: false,
      },
      combination: { test: combinationOf(said, "test") },
      members: members.map(({ predictions: _, ...member }) => ({
        ...member,
        trainSubjects: 42,
        testSubjects: 21,
        test: {},
      })),
    }),
  );
  return { root, members };
}

const accuracy = ({ labels, probabilities }: Predictions) =>
  labels.filter((label, i) => (probabilities[i]![1]! > 0.5 ? 1 : 0) === label).length / labels.length;

test("groups of the same folds: mean difference of the folds by the corrected t-test, seeds averaged first (by hand)", async () => {
  const [a, b] = [group("good", { signal: 3, seed: 1, seeds: 2 }), group("poor", { signal: 0.5, seed: 500 })];
  const { folds, pairs, table, notes } = await compareRuns({
    runs: [a.root, b.root],
    out: join(folder, "out"),
    resamples: 100,
  });
  const differences = FOLDS.map((fold) => {
    const mean = (members: typeof a.members) => {
      const own = members
        .filter((member) => member.fold === fold)
        .map(({ predictions }) => accuracy(predictions));
      return own.reduce((sum, one) => sum + one) / own.length;
    };
    return mean(a.members) - mean(b.members);
  });
  const expected = correctedResampledTTest(differences, { trainSubjects: 42, testSubjects: 21 });
  const [pair] = folds!.pairs;
  const found = pair!.metrics.accuracy!;
  found.folds.forEach((one, k) => assert.ok(Math.abs(one - differences[k]!) < 1e-12));
  assert.ok(Math.abs(found.p - expected.p) < 1e-9 && found.p > 0 && found.p < 1);
  assert.equal(found.difference.interval.method, "t, corrected");
  assert.equal(pairs.volumes, 84, "all folds together");
  assert.match(table, /^over folds +accuracy[^]*corrected resampled t-test/m);
  assert.ok(notes.some((note) => note.includes("Two tests answer two questions")));
  assert.ok(notes.some((note) => note.includes("models of two folds may have different scales")));
  for (const name of ["comparison.md", "comparison.tex", "comparison.html"])
    assert.match(readFileSync(join(folder, "out", name), "utf8"), /corrected resampled t-test/, name);
});

test("classes of other names are matched by their order, and the note says so", async () => {
  const runs = [
    group("named", { signal: 2, seed: 1 }).root,
    group("numbered", { signal: 2, seed: 9, classes: ["0", "1"] }).root,
  ];
  const { notes } = await compareRuns({ runs, out: join(folder, "names"), resamples: 50 });
  assert.ok(
    notes.some((note) => note.startsWith("numbered calls its classes 0, 1")),
    notes.join("\n"),
  );
});

test("seeds of one split have no folds to test: the paired test over subjects alone", async () => {
  const runs = [
    group("seeds", { signal: 2, seed: 1, folds: false }).root,
    group("more", { signal: 1, seed: 9, folds: false }).root,
  ];
  const { folds, table, pairs } = await compareRuns({ runs, out: join(folder, "seeds-out"), resamples: 50 });
  assert.equal(folds, null);
  assert.equal(pairs.volumes, 21, "the ensemble");
  assert.ok(!table.includes("over folds"));
});

test("a group that was not scored is refused with the command that scores it", () => {
  const root = join(folder, "unscored");
  mkdirSync(root);
  writeFileSync(join(root, "group.json"), "{}");
  assert.throws(() => readGroupMetrics(groupPaths(root).summary), {
    name: "RunError",
    message: /Score the run first: slicestack evaluate GROUP/,
  });
});

test(
  "the page of compared groups holds its fold table",
  { skip: skipWithoutChromium, timeout: 60_000 },
  async () => {
    const html = readFileSync(join(folder, "out/comparison.html"), "utf8");
    const { complaints, requests } = await openPage(html, async (page) => {
      assert.equal(await page.locator("h2#folds").count(), 1);
      assert.equal(await page.locator("table").count(), 3);
    });
    assert.deepEqual({ complaints, requests }, { complaints: [], requests: [] });
  },
);
