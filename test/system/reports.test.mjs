/** The reports in docs/reports: every number again from predictions.csv by scikit-learn; no picture of a real scan. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const folder = "docs/reports";
const reports = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const there = spawnSync("/usr/bin/python3", ["-c", "import sklearn, scipy"]).status === 0;
const skip = there
  ? false
  : "python3-sklearn or python3-scipy is absent: scripts/setup.sh test installs them";
const attributions = { adrenalmnist3d: "CC BY 4.0", lidc_nodules: "CC BY 3.0" };

test("the phantom and both real data sets have a report, linked from its page", () => {
  assert.deepEqual(reports.sort(), ["adrenalmnist3d", "lidc_nodules", "phantom"]);
  const page = readFileSync(join(folder, "README.md"), "utf8");
  for (const name of reports) assert.ok(page.includes(`(${name}/report.html)`), name);
});

for (const name of reports) {
  test(`${name}: every number is that of predictions.csv`, { skip, timeout: 300_000 }, () => {
    const script = ["scripts/recompute_report.py", join(folder, name)];
    const { status, stdout, stderr } = spawnSync("/usr/bin/python3", script, { encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
    const { checked, wrong } = JSON.parse(stdout);
    assert.deepEqual(wrong, []);
    assert.ok(Object.values(checked).reduce((sum, count) => sum + count, 0) > 500);
  });
}

test("the report shows the numbers of metrics.json beside it", () => {
  for (const name of reports) {
    const { test: models } = JSON.parse(readFileSync(join(folder, name, "metrics.json"), "utf8"));
    const html = readFileSync(join(folder, name, "report.html"), "utf8");
    const { value, interval } = models.at(-1).metrics.accuracy;
    const [low, high] = [interval.low, interval.high].map((one) => one.toFixed(2));
    assert.ok(html.includes(`${value.toFixed(2)} [${low}, ${high}]`), `${name}: ${value}`);
  }
});

test("real data: attributed, and no picture of it", () => {
  for (const [name, licence] of Object.entries(attributions)) {
    const html = readFileSync(join(folder, name, "report.html"), "utf8");
    assert.ok(html.includes(licence), name);
    assert.ok(!/<img|data:image|<image/.test(html), name);
    assert.deepEqual(
      readdirSync(join(folder, name)).filter((file) => /\.(png|jpe?g|nii|npy)$/.test(file)),
      [],
    );
  }
});
