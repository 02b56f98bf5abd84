/** The model card of a run, a group or a bundle. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isBundle } from "./is-bundle.js";
import { cardOfBundle } from "./open-bundle.js";

/** A card is a page of text; what is far longer is not one. */
const MOST_BYTES = 2 ** 24;

/**
 * @returns Markdown; null if the model has no card: a run that has not been evaluated
 * @throws BundleError if the card is not the one that the bundle was written with
 */
export async function modelCardOf(path: string): Promise<string | null> {
  if (isBundle(path)) return cardOfBundle(path);
  const file = join(path, "model-card.md");
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? Infinity;
  return size <= MOST_BYTES ? readFileSync(file, "utf8") : null;
}
