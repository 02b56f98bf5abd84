/** Values of a file as they are, for objects that are filed beside it. */
import { damaged } from "./damage.js";
import { UNDEFINED_LENGTH } from "./elements.js";
import { openDataset } from "./open-dataset.js";
import type { DicomSource } from "./source.js";

/** Limit on one value; more means that the file is damaged or hostile. */
const MOST_BYTES = 4096;

/**
 * The bytes of the requested elements at the top level of a file, without the padding at their ends; what is missing or
 * empty is left out. Unlike `scanDicom`, this may read the patient's name: only what is requested is read.
 * @param tags elements with a text as value, as 0xGGGGEEEE
 * @throws VolumeFormatError not a DICOM file, or damaged
 */
export async function readDicomElements(
  source: DicomSource,
  tags: readonly number[],
): Promise<Map<number, Uint8Array>> {
  const found = await openDataset(source, new Set(tags), ({ walker, location }) => {
    const values = new Map<number, Uint8Array>();
    for (const [tag, { offset, length }] of location.elements) {
      if (length === UNDEFINED_LENGTH) continue;
      if (length > MOST_BYTES)
        throw damaged(source.name, `expected a text of at most ${MOST_BYTES} bytes, one has ${length}`);
      const value = withoutPadding(walker.bytes.subarray(offset, offset + length));
      if (value.length > 0) values.set(tag, value.slice());
    }
    return values;
  });
  if (found === undefined) throw damaged(source.name, "it is not a DICOM file");
  return found;
}

const isPadding = (byte: number | undefined): boolean => byte === 0 || byte === 0x20;

/** Spaces and NULs at the end; leading spaces of a name are kept. */
function withoutPadding(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && isPadding(bytes[end - 1])) end--;
  return bytes.subarray(0, end);
}
