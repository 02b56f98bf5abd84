/** The record that the build writes for the loader. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { C10d } from "./c10d.js";
import type { Libtorch } from "./find.js";

export interface BuildRecord {
  /** Hash of sources, flags and library. */
  inputs: string;
  /** File name of the addon within the build folder. */
  addon: string;
  /** libtorchFingerprint at build time. */
  fingerprint: string;
  libtorch: Libtorch;
  /** Whether and how several processes can train together. */
  c10d: C10d;
}

export const buildFolder =
  process.env["SLICESTACK_TORCH_BUILD"] ??
  join(fileURLToPath(new URL("../../../", import.meta.url)), "build");
export const recordPath = join(buildFolder, "record.json");
