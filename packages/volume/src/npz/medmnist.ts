import { VolumeArgumentError } from "../errors.js";
import { volumeOfSlices } from "../npy/volume.js";
import type { NpyStack } from "../npy/stack.js";
import { refuser } from "../refuse.js";
import type { Triple, Volume } from "../volume.js";
import type { Npz } from "./open-npz.js";

export type MedmnistPart = "train" | "val" | "test";
const PARTS: readonly MedmnistPart[] = ["train", "val", "test"];

export interface MedmnistVolume {
  /** Part of the official split. */
  part: MedmnistPart;
  /** Index within its part. */
  index: number;
  label: number;
  /** nx, ny, nz. */
  shape: Triple;
}

/** Whether the file has MedMNIST's six arrays. */
export function isMedmnist(npz: Npz): boolean {
  return PARTS.every((part) => npz.arrays.has(`${part}_images`) && npz.arrays.has(`${part}_labels`));
}

/**
 * A 3D set of MedMNIST (Yang et al., Scientific Data 10, 41, 2023): train, val and test images (n, D, H, W) with one
 * label each. The first axis of a volume holds its slices, as in MedMNIST's loader: D becomes z, H y,
 * W x. The file gives neither spacing nor orientation: spacing is 1, and directions are nominal.
 */
export class Medmnist {
  readonly name: string;
  /** All volumes: train, val and test, each in the order of the file. */
  readonly volumes: readonly MedmnistVolume[];
  readonly #images: ReadonlyMap<MedmnistPart, NpyStack>;

  private constructor(name: string, volumes: MedmnistVolume[], images: ReadonlyMap<MedmnistPart, NpyStack>) {
    this.name = name;
    this.volumes = volumes;
    this.#images = images;
  }

  /**
   * Reads the labels but not the images. @throws VolumeFormatError an array is missing, not 3D, or of the wrong size
   */
  static async open(npz: Npz): Promise<Medmnist> {
    const volumes: MedmnistVolume[] = [];
    const images = new Map<MedmnistPart, NpyStack>();
    for (const part of PARTS) {
      const stack = npz.array(`${part}_images`);
      const [count = 0, depth = 0, height = 0, width = 0] = stack.shape;
      if (stack.shape.length !== 4) {
        const problem = `expected 3D images (n, D, H, W), ${part}_images has the shape (${stack.shape.join(", ")})`;
        refuser(npz.name, "npz")(problem, "Take one of MedMNIST's 3D sets.");
      }
      const shape: Triple = [width, height, depth];
      const labels = await labelsOf(npz, part, count);
      labels.forEach((label, index) => volumes.push({ part, index, label, shape: [...shape] }));
      images.set(part, stack);
    }
    return new Medmnist(npz.name, volumes, images);
  }

  /** One volume. In a compressed file this inflates all volumes before it: inOrder reads many volumes faster. */
  async read(part: MedmnistPart, index: number): Promise<Volume> {
    const { dtype, data, shape } = await this.#stack(part).readRange(index, 1);
    return volumeOfSlices({ dtype, data, shape: shape.slice(1), fortranOrder: false }, this.name);
  }

  /** All volumes of a part in one pass, with one in memory at a time. */
  async *inOrder(part: MedmnistPart): AsyncGenerator<MedmnistVolume & { volume: Volume }, void> {
    const known = this.volumes.filter((volume) => volume.part === part);
    let index = 0;
    for await (const array of this.#stack(part).items()) {
      const info = known[index++];
      if (info !== undefined) yield { ...info, volume: volumeOfSlices(array, this.name) };
    }
  }

  #stack(part: MedmnistPart): NpyStack {
    const stack = this.#images.get(part);
    if (stack === undefined) throw new VolumeArgumentError("part", PARTS.join(", "), String(part));
    return stack;
  }
}

async function labelsOf(npz: Npz, part: MedmnistPart, count: number): Promise<number[]> {
  const { data, shape } = await npz.array(`${part}_labels`).read();
  const refuse = refuser(npz.name, "npz");
  const [rows, columns = 1] = shape;
  if (rows !== count || columns !== 1 || shape.length > 2) {
    const problem = `expected one label for each of ${count} volumes, ${part}_labels has the shape (${shape.join(", ")})`;
    refuse(problem, "Take a set with one label per volume.");
  }
  const labels = Array.from(data);
  const wrong = labels.find((label) => !Number.isSafeInteger(label) || label < 0);
  if (wrong !== undefined)
    refuse(`expected labels 0, 1, 2 …, ${part}_labels holds ${wrong}`, "Correct the labels.");
  return labels;
}
