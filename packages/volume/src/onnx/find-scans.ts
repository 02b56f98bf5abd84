/** Finds scans among files that a user chose in a browser: DICOM series, volumes in one file, and zip archives of both. */
import { blobSource, type ByteSource } from "../bytes/source.js";
import { detectBytes, DETECT_BYTES } from "../detect.js";
import type { DicomSeries } from "../dicom/dicom-series.js";
import { readDicomSeries } from "../dicom/read.js";
import { scanDicom } from "../dicom/scan.js";
import type { SetAside } from "../dicom/set-aside.js";
import type { DicomSource } from "../dicom/source.js";
import { zipDicomSource } from "../dicom/zip-source.js";
import { VolumeFileError, VolumeFormatError } from "../errors.js";
import { parseVolume } from "../parse-volume.js";
import { partUid } from "../dicom/dicom-series.js";
import { acquisitionFacts, correctionFacts } from "../prepare/facts.js";
import type { PrepareRecipe } from "../prepare/recipe.js";
import type { Volume } from "../volume.js";
import { openZip } from "../zip/open-zip.js";

/** A file of an `<input type="file">` or of a drop: its path in a chosen folder is `webkitRelativePath`. */
export type ChosenFile = Blob & { readonly name: string; readonly webkitRelativePath?: string };

/** A scan that was found but not read. */
export interface ChosenScan {
  /** The SeriesInstanceUID for DICOM, otherwise the name of the file. */
  id: string;
  /** The file, or the first of the series and the number of the others. */
  source: string;
  /** What a user can tell it from others by. */
  description: string;
  /** Whether it has a place in space: an array has none. null before it is read. */
  isScan: boolean | null;
  /** Slices of a series; null before a file is read. */
  slices: number | null;
  /** Facts about the acquisition from the headers. */
  facts: Record<string, string>;
  /** Reads its voxels. @throws VolumeFormatError, VolumeFileError, DicomSeriesError */
  read(options: ReadScanOptions): Promise<{ volume: Volume; isScan: boolean; facts: Record<string, string> }>;
}

export interface ReadScanOptions extends Pick<PrepareRecipe, "unit" | "allowGaps"> {
  /** URL of dcmjs-native-codecs.wasm, which reads compressed DICOM in browsers. */
  codecUrl?: string;
  signal?: AbortSignal;
}

export interface ChosenScans {
  scans: ChosenScan[];
  /** Files that are not scans, with the reason. */
  setAside: Pick<SetAside, "name" | "reason">[];
}

/** @throws the signal's reason */
export async function findScans(
  files: Iterable<ChosenFile | ByteSource>,
  options: { signal?: AbortSignal } = {},
): Promise<ChosenScans> {
  const setAside: ChosenScans["setAside"] = [];
  const scans: ChosenScan[] = [];
  const dicom: DicomSource[] = [];
  for (const file of files) {
    options.signal?.throwIfAborted();
    const source = "read" in file ? file : blobSource(file, file.webkitRelativePath || file.name);
    try {
      for (const part of await partsOf(source)) {
        const format = detectBytes(await part.head(DETECT_BYTES));
        if (format === "zip" || format === "PNG" || format === "JPEG")
          setAside.push({
            name: part.name,
            reason: format === "zip" ? "it is an archive in an archive" : PICTURE,
          });
        else if (format === null || format === "DICOM") dicom.push(part);
        else scans.push(scanOfFile(part));
      }
    } catch (error) {
      if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
      setAside.push({ name: source.name, reason: error.message });
    }
  }
  const found = await scanDicom(dicom, options);
  scans.push(...found.series.map(scanOfSeries));
  setAside.push(...found.setAside.map(({ name, reason }) => ({ name, reason })));
  return { scans, setAside };
}

const PICTURE = "it is a picture, which has no Hounsfield units";

type Part = DicomSource & { head(bytes: number): Promise<Uint8Array> };

/** The files of an archive, or the file itself. */
async function partsOf(source: ByteSource): Promise<Part[]> {
  const { name, size } = source;
  const head = (bytes: number) => source.read(0, Math.min(bytes, size));
  if (detectBytes(await head(DETECT_BYTES)) !== "zip")
    return [{ name, size, head, read: () => source.read(0, size) }];
  const { entries } = await openZip(source);
  return entries.map((entry) => zipDicomSource(entry, `${name}#${entry.name}`) as Part);
}

function scanOfFile(part: Part): ChosenScan {
  const fileName = part.name.split(/[/#]/).at(-1)!;
  return {
    id: fileName.replace(/\.(nii\.gz|[^.]+)$/i, ""),
    source: part.name,
    description: fileName,
    isScan: null,
    slices: null,
    facts: {},
    async read({ unit }) {
      const file = await part.read();
      const { volume, format } = await parseVolume(file, {
        file: part.name,
        ...(unit === null ? {} : { unit }),
      });
      return { volume, isScan: format !== "npy" && format !== "npz", facts: {} };
    },
  };
}

function scanOfSeries(series: DicomSeries): ChosenScan {
  const { seriesDescription, part, modality, slices } = series;
  const [first = "", ...others] = new Set(slices.map(({ file }) => file));
  return {
    id: partUid(series),
    source: others.length === 0 ? first : `${first} and ${others.length} more`,
    description: [modality, seriesDescription, part].filter((text) => text !== "").join(" "),
    isScan: true,
    slices: slices.length,
    facts: acquisitionFacts(series),
    async read({ unit: _, ...options }) {
      const { facts, ...volume } = await readDicomSeries(series, options);
      return { volume, isScan: true, facts: correctionFacts(facts) };
    },
  };
}
