/** Generated scans, prepared small, for tests of commands that train. */
import { join } from "node:path";
import { generatePhantoms, prepare } from "@slicestack/pipeline";

/** 20 subjects of five classes, 8 slices of 32 x 32 each, in the folder `data` below `folder`. */
export async function smallData(folder: string): Promise<void> {
  const source = join(folder, "scans");
  const { labels } = await generatePhantoms({
    destination: source,
    subjects: 20,
    seed: 3,
    size: 48,
    minimum: 4,
    workers: 1,
  });
  await prepare({
    source,
    destination: join(folder, "data"),
    labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "small",
  });
}

/** Both stages in a second; `more` is YAML that comes after. */
export const smallConfig = `
name: small
threads: 1
precision: float32
slice: {model: slice_cnn, epochs: 2, batch_size: 8, slices_per_volume: 4, dropout: 0}
head: {model: attention, epochs: 2, batch_size: 8, dropout: 0}
`;

/** The same as a 2D method, which has no head. */
export const small2dConfig = `${smallConfig.replace(/^head:.*\n/m, "")}method: 2d\n`;
