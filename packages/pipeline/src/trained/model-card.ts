/** The model card of a run, a group or a bundle. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openZipFile } from "@slicestack/volume/node";
import { isBundle } from "./is-bundle.js";

const CARD = "model-card.md";

/** @returns Markdown; null if the model has no card: a run that has not been evaluated   @throws VolumeFormatError */
export async function modelCardOf(path: string): Promise<string | null> {
  if (!isBundle(path)) {
    const file = join(path, CARD);
    return existsSync(file) ? readFileSync(file, "utf8") : null;
  }
  await using archive = await openZipFile(path);
  const entry = archive.entries.find(({ name }) => name === CARD);
  return entry === undefined ? null : Buffer.from(await entry.read()).toString("utf8");
}
