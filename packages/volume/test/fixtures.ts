import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { affineMatrix, type Volume } from "../src/index.js";

export const root = new URL("../../../../", import.meta.url).pathname;

/** Path of a file in fixtures/volume (made by make_fixtures.py there). */
export const fixture = (name: string): string => join(root, "fixtures", "volume", name);

/** Path of a file in fixtures/rasters (made by rasters.py there). */
export const raster = (name: string): string => join(root, "fixtures", "rasters", name);

export const facts = <T>(name: string): T => JSON.parse(readFileSync(fixture(name), "utf8")) as T;

/** Bytes of a fixture in a separate buffer. */
export async function fixtureBytes(name: string): Promise<ArrayBuffer> {
  const bytes = await readFile(fixture(name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

/** Folder of a real data set beside the checkout; it may be missing. */
export const realData = (name: string): string => join(root, "..", "shared", "data", name);

export const realFolder = realData("nifti_totalsegmentator");
export const withoutReal = existsSync(realFolder)
  ? false
  : `no real volumes at ../shared/data/nifti_totalsegmentator`;

/** A folder that is removed when the scope ends. */
export async function temporaryFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "slicestack-volume-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** The volume's affine in nibabel's world coordinates: the first two rows change sign. */
export const affineRas = (volume: Volume): number[] => affineMatrix(volume).map((v, i) => (i < 8 ? -v : v));

export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = "",
): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number));
    assert.ok(difference <= tolerance, `${what}: [${i}] ${actual[i]} is not ${expected[i]} ± ${tolerance}`);
  }
}

/** A volume with perpendicular oblique axes, and values from a formula. */
export function obliqueVolume(data: Volume["data"], shape: Volume["shape"]): Volume {
  for (let i = 0; i < data.length; i++) data[i] = ((i * 7919) % 251) - (data instanceof Uint8Array ? 0 : 120);
  const [c, s] = [Math.cos(0.3), Math.sin(0.3)];
  return {
    data,
    shape,
    spacing: [0.7, 0.8, 2.5],
    origin: [-12.5, 30.25, -400],
    direction: [c, -s, 0, s, c, 0, 0, 0, 1],
    unit: "HU",
  };
}

/** Seeded numbers in 0..1, so that the mutations of a failing run can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
