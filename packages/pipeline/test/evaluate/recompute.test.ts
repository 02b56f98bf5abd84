/** The numbers of metrics.json against scripts/recompute_report.py: scikit-learn and scipy, from predictions.csv. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { metricsText, readMetrics } from "../../src/evaluate/metrics-file.js";
import { runPaths } from "../../src/run/folder.js";
import { exampleRun, type ExampleRun } from "./example-run.js";

const SCRIPT = new URL("../../../../../scripts/recompute_report.py", import.meta.url).pathname;
const there = spawnSync("/usr/bin/python3", ["-c", "import sklearn, scipy"]).status === 0;
const skip = there
  ? false
  : "python3-sklearn or python3-scipy is absent: scripts/setup.sh test installs them";
const folder = mkdtempSync(join(tmpdir(), "slicestack-recompute-"));
after(() => rmSync(folder, { recursive: true }));

interface Found {
  checked: Record<string, number>;
  wrong: string[];
}

function recompute(run: string, resamples = 0): Found & { status: number | null } {
  const { status, stdout, stderr } = spawnSync(
    "/usr/bin/python3",
    [SCRIPT, run, "--resamples", String(resamples)],
    {
      encoding: "utf8",
    },
  );
  assert.notEqual(stdout, "", stderr);
  return { status, ...(JSON.parse(stdout) as Found) };
}

const cases: Record<string, { options: Omit<ExampleRun, "name">; sections: string[]; resamples?: number }> = {
  binary: {
    options: { counts: [40, 26] },
    sections: [
      "McNemar",
      "DeLong",
      "one difference, one test",
      "thresholds",
      "decision curve",
      "prediction sets",
      "vote sweep",
      "protocols",
      "temperature",
    ],
    resamples: 400,
  },
  grades: {
    options: { counts: [14, 18, 11, 6] },
    sections: [
      "metrics",
      "intervals of shares",
      "ROC curves",
      "PR curves",
      "Brier parts",
      "Holm",
      "risk-coverage",
    ],
  },
  "several volumes a subject": {
    options: { counts: [16, 12], volumesEach: 2 },
    sections: ["metrics", "intervals of shares", "prediction sets", "differences", "reliability"],
  },
  "the paper protocol": {
    options: { counts: [20, 20], protocol: "paper" },
    sections: ["metrics", "vote sweep"],
  },
};

for (const [name, { options, sections, resamples = 0 }] of Object.entries(cases))
  test(`every number of a report can be recomputed from predictions.csv: ${name}`, { skip }, () => {
    const run = join(folder, name);
    exampleRun(run, { name: "example", ...options });
    const { status, checked, wrong } = recompute(run, resamples);
    assert.deepEqual(wrong, []);
    assert.equal(status, 0);
    for (const section of sections) assert.ok((checked[section] ?? 0) > 0, `${section} was checked`);
    if (resamples > 0)
      for (const section of ["bootstrap intervals", "paired intervals"])
        assert.ok((checked[section] ?? 0) >= 6, `${section} were checked`);
  });

test("the script finds a number that was changed, and a wrong interval", { skip }, () => {
  const run = join(folder, "changed");
  exampleRun(run, { name: "changed", counts: [20, 20] });
  const file = runPaths(run).summary;
  const metrics = readMetrics(file);
  const main = metrics.test.find(({ model }) => model === "2.5d")!;
  main.metrics.macroF1.value += 0.001;
  main.metrics.accuracy.interval.high -= 0.01;
  metrics.calibration!.temperature.temperature *= 1.1;
  writeFileSync(file, JSON.stringify(metrics));
  const { status, wrong } = recompute(run);
  assert.equal(status, 1);
  for (const part of ["2.5d test macroF1", "2.5d test accuracy high", "temperature: temperature"])
    assert.ok(
      wrong.some((line) => line.includes(part)),
      `${part} is found: ${wrong.join("; ")}`,
    );
});

test("metrics.json is read back as it was written, NaN for what is undefined; another version is refused", () => {
  const run = join(folder, "read back");
  const numbers = exampleRun(run, { name: "back", counts: [12, 12] });
  const file = runPaths(run).summary;
  assert.equal(metricsText(readMetrics(file)), metricsText(numbers));
  assert.ok(Number.isNaN(readMetrics(file).test[0]!.metrics.quadraticKappa.value));
  writeFileSync(file, readFileSync(file, "utf8").replace('"version": 2', '"version": 1'));
  assert.throws(() => readMetrics(file), /version.*Score the run again/s);
});
