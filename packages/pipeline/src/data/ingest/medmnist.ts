/** Lists the volumes of a MedMNIST archive, which contains the labels and the official split. */
import { isMedmnist, Medmnist } from "@slicestack/volume";
import { openNpzFile } from "@slicestack/volume/node";
import { PrepareError } from "../errors.js";
import { volumeOf } from "./paths.js";
import type { SourceVolume } from "./source.js";

/** @param path below the source folder, for names @throws VolumeFormatError, PrepareError for other archives */
export async function medmnistVolumes(file: string, path: string): Promise<SourceVolume[]> {
  await using opened = await openNpzFile(file);
  if (!isMedmnist(opened.npz)) {
    const names = [...opened.npz.arrays.keys()].join(", ");
    throw new PrepareError(
      `${path}: expected MedMNIST's train_images, train_labels, val_ … and test_ …, found ${names}`,
      "Save each volume as a separate .npy file.",
    );
  }
  const { volumes } = await Medmnist.open(opened.npz);
  return volumes.map(({ part, index, label }) => {
    const name = `${path}#${part}/${String(index).padStart(4, "0")}`;
    const input = { kind: "npz-item", path: file, array: `${part}_images`, item: index } as const;
    return {
      ...volumeOf(name, input),
      id: `${part}-${String(index).padStart(4, "0")}`,
      part,
      folderLabel: label,
      className: String(label),
    };
  });
}
