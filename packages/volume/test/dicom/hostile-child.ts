/**
 * Run by hostile.test.ts in a separate process with little memory: `node hostile-child.js SEED ROUNDS [PATTERN]`,
 * where PATTERN matches the names of cases.
 * Each round damages files of one case of series.json, scans and reads. Prints the outcomes as JSON.
 */
import {
  assertVolume,
  DicomSeriesError,
  readDicomSeries,
  scanDicom,
  VolumeFormatError,
  type DicomSeries,
} from "../../src/index.js";
import { seeded } from "../fixtures.js";
import { bytesOf, cases, memorySource } from "./cases.js";
import { mutated } from "./mutations.js";

const [seed, rounds] = process.argv.slice(2, 4).map(Number) as [number, number];
const pattern = new RegExp(process.argv[4] ?? "");
const chosen = cases.filter(({ name }) => pattern.test(name));
const random = seeded(seed);
const outcomes = { volume: 0, aside: 0, refused: 0, damaged: 0 };
const troubles: string[] = [];

for (let round = 0; round < rounds; round++) {
  const dicomCase = chosen[Math.floor(random() * chosen.length)] as (typeof cases)[number];
  const changes: string[] = [];
  const cut = new Map<string, number>();
  const sources = dicomCase.files.map(([name, place]) => {
    const bytes = bytesOf(place);
    if (bytes.length === 0 || random() > 1.5 / dicomCase.files.length) return memorySource(name, bytes);
    const mutation = mutated(bytes, random);
    changes.push(`${name}: ${mutation.what}`);
    cut.set(name, mutation.cut);
    return memorySource(name, mutation.bytes);
  });
  const label = `seed ${seed}, round ${round}, ${dicomCase.name}, ${changes.join("; ")}`;
  try {
    const scan = await scanDicom(sources, dicomCase.scan_options);
    const inSeries = new Set(scan.series.flatMap(({ slices }) => slices.map(({ file }) => file)));
    const accounted = inSeries.size + scan.setAside.length;
    if (accounted !== sources.length)
      troubles.push(`${label}: ${accounted} of ${sources.length} files accounted for`);
    outcomes.aside += scan.setAside.length;
    for (const series of scan.series) await readOne(series, label, cut, dicomCase.name);
  } catch (error) {
    troubles.push(`${label}: ${String((error as Error).stack)}`);
  }
}

async function readOne(
  series: DicomSeries,
  label: string,
  cut: Map<string, number>,
  name: string,
): Promise<void> {
  const options = { allowSingle: random() < 0.5, allowGaps: random() < 0.5 };
  try {
    const volume = await readDicomSeries(series, options);
    assertVolume(volume);
    outcomes.volume++;
    // A truncated file lacks pixels, so a volume of it would contain invented values. A deflated stream may end in unused bytes.
    const slack = name === "deflated" ? 8 : 1;
    const filled = volume.facts.order.filter(({ file }) => (cut.get(file) ?? 0) > slack);
    if (filled.length > 0) troubles.push(`${label}: a volume of a truncated file`);
  } catch (error) {
    if (error instanceof DicomSeriesError) outcomes.refused++;
    else if (error instanceof VolumeFormatError && error.format === "DICOM") outcomes.damaged++;
    else throw error;
  }
}

console.log(
  JSON.stringify({
    outcomes,
    troubles: troubles.slice(0, 5),
    megabytes: process.resourceUsage().maxRSS / 1024,
  }),
);
