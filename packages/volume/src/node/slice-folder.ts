import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type sharp from "sharp";
import type { Metadata } from "sharp";
import { notReadable, openFile } from "./file-source.js";
import { VolumeFileError, type VolumeFormat } from "../errors.js";
import { COPY_AGAIN, refuser, type Refuse } from "../refuse.js";
import { sliceOrder, type SliceOrder } from "../slices/order.js";
import { greyOf, stackSlices, type GreySlice } from "../slices/stack.js";
import type { Volume } from "../volume.js";

/** 8192 x 8192 pixels: no slice of a scan is larger, and no picture may use more memory. */
const MAX_PIXELS = 2 ** 26;
/** A picture of that many pixels, uncompressed with 16 bits and four channels, fits. */
const MAX_FILE_BYTES = 2 ** 30;

export interface SliceFolderOptions {
  /** Accepts the slices unchanged where numbers are missing; by default they are refused. */
  allowGaps?: boolean;
}

/**
 * Reads a folder of PNG or JPEG slices of one subject, in the order of the numbers in their names (sliceOrder).
 * 8 and 16 bit grey; colour only where all channels are equal and opaque. Hidden files and other kinds are left out.
 * @throws VolumeFormatError colour, sizes that differ, gaps, a number twice, damaged   @throws VolumeFileError
 */
export async function readSliceFolder(
  path: string,
  options: SliceFolderOptions = {},
): Promise<{ volume: Volume; order: SliceOrder }> {
  const names = await slicesIn(path);
  if (names.length === 0)
    throw new VolumeFileError(
      path,
      "holds no PNG or JPEG slices",
      "Give the folder of one subject's slices.",
    );
  const format = formatOf(names[0] ?? "");
  const order = sliceOrder(names, { folder: path, format, ...options });
  const slices: GreySlice[] = [];
  for (const name of order.names) slices.push(await readSlice(join(path, name)));
  return { volume: stackSlices(slices, path), order };
}

/** Names of the pictures directly in a folder, unsorted. @throws VolumeFileError */
export async function slicesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.flatMap((entry) =>
      !entry.isDirectory() && /^[^.].*\.(png|jpe?g)$/i.test(entry.name) ? [entry.name] : [],
    );
  } catch (cause) {
    throw notReadable(path, cause);
  }
}

const formatOf = (name: string): VolumeFormat => (/\.png$/i.test(name) ? "PNG" : "JPEG");

/**
 * One PNG or JPEG file as a grey slice. @throws VolumeFormatError colour, damaged, too large   @throws VolumeFileError
 */
export async function readSlice(file: string): Promise<GreySlice> {
  const format = formatOf(file);
  const refuse = refuser(file, format);
  const bytes = await bytesOf(file, refuse);
  try {
    const { default: decode } = await withSharp(file);
    const image = decode(bytes, { failOn: "warning", limitInputPixels: MAX_PIXELS, ignoreIcc: true });
    const meta = await image.metadata();
    refuseKind(meta, format, refuse);
    const deep = meta.depth === "ushort";
    // The grey colour spaces would silently drop an alpha channel.
    const space = meta.channels === 1 ? (deep ? "grey16" : "b-w") : deep ? "rgb16" : "srgb";
    const raw = image.toColourspace(space).raw({ depth: deep ? "ushort" : "uchar" });
    const { data, info } = await raw.toBuffer({ resolveWithObject: true });
    // A copy, because the buffer may begin at an odd byte.
    const copy = new Uint8Array(data);
    const grey = greyOf(deep ? new Uint16Array(copy.buffer) : copy, info.channels);
    if (grey === null || grey.length !== info.width * info.height)
      return refuse("expected grey, its channels differ or are not opaque", "Save it as a grey picture.");
    return { file, format, width: info.width, height: info.height, values_HW: grey };
  } catch (cause) {
    if (cause instanceof Error && cause.name.startsWith("Volume")) throw cause;
    const reason = cause instanceof Error ? cause.message.trim().replace(/\s+/g, " ") : String(cause);
    return refuse(`it is damaged or too large (${reason})`, COPY_AGAIN, { cause });
  }
}

/**
 * Loaded with the first picture, so that it need not be installed where no pictures are read. @throws VolumeFileError
 */
async function withSharp(file: string): Promise<{ default: typeof sharp }> {
  try {
    return await import("sharp");
  } catch (cause) {
    const remedy = "Install it beside @slicestack/volume: npm install sharp";
    throw new VolumeFileError(
      file,
      "is a picture, and sharp, which decodes PNG and JPEG, is not installed",
      remedy,
      {
        cause,
      },
    );
  }
}

function refuseKind(meta: Metadata, format: VolumeFormat, refuse: Refuse): void {
  const kind = meta.format === "jpeg" ? "JPEG" : meta.format === "png" ? "PNG" : meta.format;
  if (kind !== format) refuse(`its content is ${kind}, its name says ${format}`, "Name it by its content.");
  if ((meta.pages ?? 1) > 1)
    refuse(`expected one picture, it holds ${meta.pages}`, "Save each as a separate file.");
  if (meta.space === "cmyk") refuse("expected grey, it is CMYK", "Save it as a grey picture.");
  if (meta.depth !== "uchar" && meta.depth !== "ushort")
    refuse(`expected 8 or 16 bits, its values are ${meta.depth}`, "Save it with 8 or 16 bits.");
}

async function bytesOf(file: string, refuse: Refuse): Promise<Uint8Array> {
  const { handle, size } = await openFile(file);
  await handle.close();
  if (size > MAX_FILE_BYTES) refuse(`expected at most ${MAX_FILE_BYTES} bytes, it has ${size}`, COPY_AGAIN);
  try {
    return await readFile(file);
  } catch (cause) {
    throw notReadable(file, cause);
  }
}
