import { readVolume } from "../../src/node.js";
import { npyCases, npzCases } from "./arrays.js";
import type { FormatCase } from "./case.js";
import { niftiCases } from "./nifti.js";
import { pictureCases } from "./pictures.js";
import { metaImageCases, nrrdCases } from "./raster.js";
import { zipCases } from "./zip.js";

export const formatCases: readonly FormatCase[] = [
  ...niftiCases,
  ...nrrdCases,
  ...metaImageCases,
  ...npyCases,
  ...npzCases,
  ...zipCases,
  ...pictureCases,
];

export const readCase = async ({ read = readVolume }: FormatCase, path: string): Promise<unknown> =>
  await read(path);
