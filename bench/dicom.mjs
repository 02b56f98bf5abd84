/**
 * 300 uncompressed 512 x 512 slices, generated on the fly: scan, read and HU, then windowed at 128 x 128 x 64; ours compared with pydicom,
 * numpy and scipy, in turn.
 *
 *   node bench/dicom.mjs [--slices 300] [--size 512] [--rounds 5]
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "./tools.mjs";

const { values: options } = parseArgs({
  options: {
    slices: { type: "string", default: "300" },
    size: { type: "string", default: "512" },
    rounds: { type: "string", default: "5" },
  },
});
const here = (name) => new URL(name, import.meta.url).pathname;
const run = (command, args) =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
const python = (script, ...args) => run("/usr/bin/python3", ["-W", "ignore", here(script), ...args]);

const folder = mkdtempSync(join(tmpdir(), "slicestack-dicom-"));
try {
  python("dicom_make.py", folder, options.slices, options.size);
  const entrants = [
    { name: "ours", run: () => run(process.execPath, [here("dicom_read.mjs"), folder]), results: [] },
    { name: "pydicom, scipy", run: () => python("peer_pydicom.py", folder), results: [] },
  ];
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const entrant of entrants) entrant.results.push(JSON.parse(entrant.run()));
  }
  const hashes = new Set(entrants.flatMap(({ results }) => results.map(({ sha256 }) => sha256)));
  console.log(
    `\n${options.slices} slices of ${options.size} x ${options.size}: seconds of scan, read, and all with resampling (median of ${options.rounds} rounds, in turn)`,
  );
  console.log(
    `${"".padEnd(18)}${"scan".padStart(8)}${"read".padStart(8)}${"all".padStart(8)}${"MB".padStart(8)}   peer / ours: read, all`,
  );
  const [own] = entrants;
  for (const { name, results } of entrants) {
    const middle = (key) => median(results.map((result) => result[key]));
    // The ratio is taken within each round first, so that a slow minute of the machine affects both sides.
    const ratio = (key) =>
      median(results.map((result, round) => result[key] / own.results[round][key])).toFixed(2);
    const all = results.map(({ prepared }) => prepared.toFixed(2)).join(" ");
    console.log(
      `${name.padEnd(18)}${middle("scan").toFixed(2).padStart(8)}${middle("seconds").toFixed(2).padStart(8)}${middle("prepared").toFixed(2).padStart(8)}${middle("megabytes").toFixed(0).padStart(8)}   ${ratio("seconds")}x ${ratio("prepared")}x   [${all}]`,
    );
  }
  console.log(hashes.size === 1 ? "all voxels are equal" : "THE VOXELS DIFFER");
} finally {
  rmSync(folder, { recursive: true });
}
