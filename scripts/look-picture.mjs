/**
 * Draws the picture of docs/how-to/look-at-data.md: a phantom, shown by the command that the page describes.
 *
 *   node scripts/look-picture.mjs [OUT]     default docs/images/look-montage.png; run `make build` first
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planScans } from "../packages/pipeline/dist/src/data/phantom/plan.js";
import { drawScan } from "../packages/pipeline/dist/src/data/phantom/scan.js";
import { inspect } from "../packages/pipeline/dist/src/tasks/inspect.js";
import { writeNifti } from "../packages/volume/dist/src/node.js";

const out = process.argv[2] ?? new URL("../docs/images/look-montage.png", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "look-"));
try {
  const [plan] = planScans({ subjects: 5, seed: 8, counts: [0, 0, 0, 1, 0], minimum: 1, size: 128 });
  const path = join(folder, "phantom.nii.gz");
  await writeNifti(path, drawScan(plan, "RAI").volume);
  await inspect({ path, montage: out, slices: 12, columns: 6 });
} finally {
  rmSync(folder, { recursive: true });
}
