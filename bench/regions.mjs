/**
 * Measures the seconds to find the lungs and the body, by size of scan; prints one JSON line per size.
 *
 *   node bench/regions.mjs [512x512x64 512x512x300]
 *
 * The scans are enlarged demo phantoms: they cost as much as scans of a patient, and no data is needed.
 */
import { reorient, resample, findBody, findLungs } from "../packages/volume/dist/src/index.js";
import { planScans } from "../packages/pipeline/dist/src/data/phantom/plan.js";
import { drawScan } from "../packages/pipeline/dist/src/data/phantom/scan.js";
import { median } from "./tools.mjs";

const sizes = process.argv.length > 2 ? process.argv.slice(2) : ["512x512x64", "512x512x300"];
const [plan] = planScans({ subjects: 5, seed: 1, minimum: 1, size: 128 });
const phantom = reorient(drawScan({ ...plan, label: 2 }).volume);

/** Median seconds of three calls, by the clock and of CPU time: they differ where the machine is busy. */
function timed(work) {
  const trials = Array.from({ length: 3 }, () => {
    const [wall, cpu] = [performance.now(), process.cpuUsage()];
    work();
    const { user, system } = process.cpuUsage(cpu);
    return [(performance.now() - wall) / 1000, (user + system) / 1e6];
  });
  return [0, 1].map((k) => Number(median(trials.map((trial) => trial[k])).toFixed(2)));
}

for (const size of sizes) {
  const shape = size.split("x").map(Number);
  const scan = resample(phantom, shape);
  const spacing = scan.spacing.map((mm) => mm.toFixed(2)).join(" x ");
  const lungs = findLungs(scan);
  const [lungSeconds, lungCpu] = timed(() => findLungs(scan));
  const [bodySeconds, bodyCpu] = timed(() => findBody(scan));
  console.log(
    JSON.stringify({
      size,
      spacing,
      lungSeconds,
      lungCpu,
      bodySeconds,
      bodyCpu,
      lungMl: Math.round(lungs.totalMl),
    }),
  );
}
