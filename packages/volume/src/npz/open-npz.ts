import type { ByteSource } from "../bytes/source.js";
import { VolumeFormatError } from "../errors.js";
import { NpyStack, type NpyBytes } from "../npy/stack.js";
import { refuser } from "../refuse.js";
import { openZip, type OpenZipOptions, type ZipArchive, type ZipEntry } from "../zip/open-zip.js";

/** The arrays of a .npz file. Values are inflated when they are read, and not cached. */
export class Npz {
  readonly name: string;
  /** The arrays by name, in the order of the file. */
  readonly arrays: ReadonlyMap<string, NpyStack>;
  /** Unsupported arrays, such as Python objects, each with its reason. */
  readonly refused: ReadonlyMap<string, VolumeFormatError>;

  private constructor(
    name: string,
    arrays: ReadonlyMap<string, NpyStack>,
    refused: ReadonlyMap<string, VolumeFormatError>,
  ) {
    this.name = name;
    this.arrays = arrays;
    this.refused = refused;
  }

  /** Reads only the headers. @throws VolumeFormatError not a zip archive, or no arrays in it */
  static async of(archive: ZipArchive): Promise<Npz> {
    const arrays = new Map<string, NpyStack>();
    const refused = new Map<string, VolumeFormatError>();
    for (const entry of archive.entries) {
      if (!entry.name.endsWith(".npy")) continue;
      const name = entry.name.slice(0, -".npy".length);
      try {
        arrays.set(name, await NpyStack.open(bytesOf(entry, archive.name)));
      } catch (error) {
        if (!(error instanceof VolumeFormatError)) throw error;
        refused.set(name, error);
      }
    }
    if (arrays.size + refused.size === 0)
      refuser(archive.name, "npz")(
        "expected .npy arrays in it, found none",
        "Save it again with numpy.savez.",
      );
    return new Npz(archive.name, arrays, refused);
  }

  /** @throws VolumeFormatError not in the file, or not readable */
  array(name: string): NpyStack {
    const array = this.arrays.get(name);
    if (array !== undefined) return array;
    const reason = this.refused.get(name);
    if (reason !== undefined) throw reason;
    const names = [...this.arrays.keys()].join(", ");
    return refuser(this.name, "npz")(
      `expected an array ${name}, it holds ${names}`,
      "Check that it is the right file.",
    );
  }
}

/**
 * Opens a .npz file of numpy.savez or savez_compressed: names, types and shapes, from the first bytes of each array.
 * Safe in browsers; the source must stay open.
 * @throws VolumeFormatError not a zip archive, refused by openZip, or no arrays in it
 */
export async function openNpz(source: ByteSource, options: OpenZipOptions = {}): Promise<Npz> {
  return await Npz.of(await openZip(source, { format: "npz", ...options }));
}

function bytesOf(entry: ZipEntry, archive: string): NpyBytes {
  return {
    name: `${archive}: ${entry.name}`,
    size: entry.size,
    async *from(position) {
      let at = 0;
      for await (const piece of entry.stream()) {
        if (at + piece.length > position) yield piece.subarray(Math.max(position - at, 0));
        at += piece.length;
      }
    },
  };
}
