/**
 * Reads mutated files one after another, and reports each to its parent. To reproduce one by hand:
 *
 *   node packages/volume/dist/test/hostile/child.js SEED FIRST END [FOLDER that keeps the files]
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VolumeFileError, VolumeFormatError } from "../../src/index.js";
import { temporaryFolder } from "../fixtures.js";
import { hostileFormats, type HostileFormat } from "./formats.js";
import { mutate, randomOf } from "./mutations.js";
import type { Seed } from "./seeds.js";

/** What the child reports before and after it reads a file. */
export type Report =
  | { index: number; about: string }
  | { index: number; outcome: "read" | "refused"; format: string; peakMb: number }
  | { index: number; violation: string };

const [seedNumber = 1, first = 0, end = 0] = process.argv.slice(2, 5).map(Number);
const keep = process.argv[5];
const report = (message: Report) =>
  process.send ? process.send(message) : console.log(JSON.stringify(message));

async function main(): Promise<void> {
  await using temporary = await temporaryFolder();
  const seeds = new Map<HostileFormat, Seed[]>();
  const known = new Map<Seed, string>();
  for (let index = first; index < end; index++) {
    const random = randomOf(seedNumber, index);
    const format = hostileFormats[index % hostileFormats.length] as HostileFormat;
    const all = seeds.get(format) ?? (await format.seeds());
    seeds.set(format, all);
    const seed = all[Math.floor(random() * all.length)] as Seed;
    const folder = join(keep ?? temporary.path, `${index}`);
    await mkdir(folder, { recursive: true });
    for (const [name, bytes] of Object.entries(seed.beside ?? {})) await writeFile(join(folder, name), bytes);
    if (!known.has(seed)) {
      await writeFile(join(folder, seed.file), seed.bytes);
      const whole = format.read(join(folder, seed.file));
      known.set(seed, await (seed.bomb === true ? whole.catch(() => "refused") : whole));
    }
    const { kind, bytes, cut } = mutate(seed, all, random);
    await writeFile(join(folder, seed.file), bytes);
    const about = `${format.name}, ${seed.file}, ${kind}`;
    report({ index, about });
    report(await verdict(format, join(folder, seed.file), index, about, cut ? known.get(seed) : undefined));
    if (keep === undefined) await rm(folder, { recursive: true });
  }
}

async function verdict(
  format: HostileFormat,
  path: string,
  index: number,
  about: string,
  expected: string | undefined,
): Promise<Report> {
  let outcome: "read" | "refused" = "read";
  try {
    const fingerprint = await format.read(path);
    if (expected !== undefined && fingerprint !== expected)
      return { index, violation: `${about}: the truncated file gave other voxels than the complete one` };
  } catch (error) {
    if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { index, violation: `${about}: not a typed error: ${message}` };
    }
    outcome = "refused";
  }
  return { index, outcome, format: format.name, peakMb: Math.round(process.resourceUsage().maxRSS / 1024) };
}

await main();
