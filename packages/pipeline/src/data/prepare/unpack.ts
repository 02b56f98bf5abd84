/** Unpacks compressed arrays once into the work folder: reading an item from the archive would decompress all before it. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { npyDtypeOf } from "@slicestack/volume";
import { NpyWriter, openNpzFile } from "@slicestack/volume/node";
import { makeFolder } from "../make-folder.js";
import type { Progress } from "../../engine/progress.js";
import type { VolumeInput } from "../ingest/source.js";

/** Inputs with every item of an archive replaced by the same item of an unpacked array in `folder`. */
export async function unpackArchives(
  inputs: readonly VolumeInput[],
  folder: string,
  options: { onProgress?: ((progress: Progress) => void) | undefined; signal?: AbortSignal | undefined },
): Promise<VolumeInput[]> {
  const unpacked = new Map<string, string>();
  const result: VolumeInput[] = [];
  for (const input of inputs) {
    if (input.kind !== "npz-item") {
      result.push(input);
      continue;
    }
    const { path, array, item } = input;
    const key = `${path}\0${array}`;
    let file = unpacked.get(key);
    if (file === undefined) {
      file = join(folder, `${unpacked.size}-${basename(path)}-${array}.npy`);
      makeFolder(folder);
      if (!existsSync(file)) await unpack(path, array, file, options);
      unpacked.set(key, file);
    }
    result.push({ kind: "npy-item", path: file, item, order: "SHW" });
  }
  return result;
}

async function unpack(
  path: string,
  name: string,
  file: string,
  { onProgress, signal }: Parameters<typeof unpackArchives>[2],
): Promise<void> {
  await using opened = await openNpzFile(path);
  const stack = opened.npz.array(name);
  const [total = 0, ...item] = stack.shape;
  let done = 0;
  let writer: NpyWriter | undefined;
  try {
    for await (const { data } of stack.items()) {
      signal?.throwIfAborted();
      writer ??= await NpyWriter.open(file, npyDtypeOf(data), item);
      await writer.append(data);
      onProgress?.({ stage: "unpack", done: ++done, total, unit: "volumes", message: name });
    }
    await writer?.close();
  } finally {
    await writer?.abort();
  }
}
