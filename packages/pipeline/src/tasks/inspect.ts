/** Inspects a file, a series, a source of many volumes or a prepared data set: facts, pictures, comparisons. */
import type { SourceVolume } from "../data/ingest/source.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { gapRefusalOf } from "../data/prepare/slice-gaps.js";
import type { Progress } from "../engine/progress.js";
import { chooseRecord, chooseVolume, type Choice } from "../inspect/choose.js";
import { compareWithSource, type Comparison } from "../inspect/compare.js";
import { comparisonPicture } from "../inspect/comparison-picture.js";
import { lookAtDataset, splitOf } from "../inspect/dataset-look.js";
import { InspectError } from "../inspect/errors.js";
import { identityOf, type Identity, type IdentityOptions } from "../inspect/identity.js";
import type { InputsComparison } from "../inspect/inputs.js";
import { inputsPicture } from "../inspect/inputs-picture.js";
import { Outputs, wantedFiles, type OutputOptions, type Wanted } from "../inspect/outputs.js";
import { writeDatasetPictures, writePictures, type PicturedVolume } from "../inspect/pictures.js";
import { preview } from "../inspect/preview.js";
import { readToLook, storedVolume, turned } from "../inspect/read.js";
import type { InspectResult } from "../inspect/inspect-result.js";
import { refusalOf } from "../inspect/series-look.js";
import { byReason, isUsable, lookAtSource } from "../inspect/source-look.js";
import { openTarget, type Target } from "../inspect/target.js";
import type { SliceInputConfig } from "../input/of-config.js";
import type { Window } from "../inspect/tiles.js";
import { refuseExistingFile } from "../data/owned-folder.js";
import { defaultWindow as defaultDatasetWindow } from "../data/window.js";
import { defaultWindow, lookAtVolume, recordFacts, sourceFacts } from "../inspect/volume-look.js";

export interface InspectOptions extends Choice, IdentityOptions, OutputOptions {
  /** File, folder, zip, archive or prepared data set. */
  path: string;
  /** Interpolate over missing slices of a DICOM series. */
  allowGaps?: boolean;
  /** Unit of the values; default: HU for scans, arbitrary for arrays. */
  unit?: "HU" | "arbitrary";
  /** Values shown as black and white; default -1000 to 400 HU, otherwise all values. */
  window?: Window;
  /** Slices in pictures; default 24 in a montage, 5 in a comparison. */
  slices?: number | "all";
  columns?: number;
  /** Pixels of the longer side of one slice. */
  tile?: number;
  /** Compare the volume `id` of a data set with its source: the folder, zip or archive from which it was prepared. */
  source?: string;
  /** Compare the inputs that the loaders of this configuration give to a model for the volume `id`. Needs libtorch. */
  inputs?: SliceInputConfig;
  /** Width of a text preview in characters; default: no preview. */
  preview?: number;
  onProgress?: (progress: Progress) => void;
  signal?: AbortSignal;
}

const [MONTAGE_SLICES, COMPARED_SLICES] = [24, 5];

/**
 * @throws InspectError, PrepareError if what was requested does not exist   @throws DatasetError, VolumeFormatError,
 * VolumeFileError, DicomSeriesError if it cannot be read   @throws the signal's reason; no incomplete file is left
 */
export async function inspect(options: InspectOptions): Promise<InspectResult> {
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const wanted = wantedFiles(options);
  const target = await openTarget(options.path, {
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
  return target.kind === "dataset"
    ? await inspectDataset(target.dataset, options, wanted)
    : await inspectSource(target, options, wanted);
}

const NO_EXTRAS = { comparison: null, inputs: null, preview: null, usable: true } as const;

async function inspectDataset(
  dataset: Dataset,
  options: InspectOptions,
  wanted: Wanted,
): Promise<InspectResult> {
  if (options.series !== undefined)
    throw new InspectError(
      `${options.path}: is a prepared data set, which has no series`,
      "Choose a volume with --id.",
    );
  if (options.id !== undefined)
    return await inspectRecord(dataset, chooseRecord(dataset, options.id), options, wanted);
  const [singleVolumeOption] = [
    ...(options.animation === undefined ? [] : ["animation"]),
    ...(options.source === undefined ? [] : ["source"]),
    ...(options.inputs === undefined ? [] : ["inputs"]),
  ];
  if (singleVolumeOption !== undefined)
    throw new InspectError(
      `${singleVolumeOption}: expected one volume, but ${options.path} is a data set`,
      "Name it with --id.",
    );
  const { look, counts } = await lookAtDataset(dataset, options);
  const outputs = new Outputs(wanted, options.out);
  const { window: usual } = defaultDatasetWindow(dataset, dataset.volumes);
  const window = options.window ?? usual;
  await writeDatasetPictures(
    dataset,
    counts,
    { ...options, window, slices: options.slices ?? MONTAGE_SLICES },
    outputs,
  );
  return { look, ...NO_EXTRAS, files: outputs.files };
}

async function inspectRecord(
  dataset: Dataset,
  record: VolumeRecord,
  options: InspectOptions,
  wanted: Wanted,
): Promise<InspectResult> {
  // A comparison always comes with its picture.
  if (options.source !== undefined && wanted.comparison.length === 0) {
    const file = `comparison-${record.id.replaceAll(/[/\\]/g, "__")}.png`;
    refuseExistingFile(file, options.overwrite ?? false);
    wanted.comparison.push(file);
  }
  const volume = storedVolume(dataset, record);
  // Arrays and pictures have no geometry, and are stored without one.
  const placed = dataset.info.recipe["orientation"] === "LPS";
  const part = splitOf(dataset).parts?.get(record.id) ?? record.part;
  const { look, counts } = lookAtVolume(
    { volume, format: `${dataset.info.name}, prepared`, placed },
    { name: record.id, facts: recordFacts(dataset, record, part), setAside: [], broken: [] },
  );
  const window = options.window ?? defaultWindow(volume, counts);
  const outputs = new Outputs(wanted, options.out);
  const shown = { volume, title: record.id, counts, placed };
  const { preview } = await picture(shown, { ...options, window }, outputs);
  const comparison =
    options.source === undefined
      ? null
      : await compare(dataset, record, { ...options, source: options.source, window, placed }, outputs);
  const inputs =
    options.inputs === undefined ? null : await loadInputs(dataset, record, options.inputs, options, outputs);
  return { look, comparison, inputs, files: outputs.files, preview, usable: true };
}

async function picture(
  shown: PicturedVolume,
  options: InspectOptions & { window: Window },
  outputs: Outputs,
): Promise<{ preview: string | null }> {
  options.signal?.throwIfAborted();
  await writePictures(shown, { ...options, slices: options.slices ?? MONTAGE_SLICES }, outputs);
  const { window, preview: columns } = options;
  return { preview: columns === undefined ? null : preview(shown.volume, { window, columns }) };
}

async function compare(
  dataset: Dataset,
  record: VolumeRecord,
  options: InspectOptions & { source: string; window: Window; placed: boolean },
  outputs: Outputs,
): Promise<Comparison> {
  const { source, signal, slices = COMPARED_SLICES } = options;
  const compared = await compareWithSource(dataset, record, {
    source,
    identity: identityOf(options),
    ...(signal && { signal }),
  });
  const shown = { ...options, crop: record.crop, slices };
  await outputs.write("comparison", async () => await comparisonPicture(compared, shown).png());
  return compared.comparison;
}

async function loadInputs(
  dataset: Dataset,
  record: VolumeRecord,
  config: NonNullable<InspectOptions["inputs"]>,
  options: InspectOptions,
  outputs: Outputs,
): Promise<InputsComparison> {
  const { compareInputs, loadersOf } = await import("../inspect/inputs.js");
  const loaders = loadersOf(dataset, config);
  try {
    const loaded = compareInputs(dataset, record, config, loaders);
    const shown = { ...options, slices: options.slices ?? COMPARED_SLICES };
    await outputs.write("inputs", async () => await inputsPicture(loaded, record, shown).png());
    return loaded.comparison;
  } finally {
    for (const loader of loaders) loader[Symbol.dispose]();
  }
}

async function inspectSource(
  { path, found }: Target & { kind: "source" },
  options: InspectOptions,
  wanted: Wanted,
): Promise<InspectResult> {
  if (options.source !== undefined || options.inputs !== undefined)
    throw new InspectError(
      `${path}: expected a prepared data set for --source and --inputs`,
      "Make one with slicestack prepare.",
    );
  const { allowGaps = false, signal } = options;
  if (found.volumes.length + found.broken.length + found.setAside.length === 0)
    throw new InspectError(
      `${path}: no volume found among ${found.files} files`,
      "Expected NIfTI, NRRD, MetaImage, DICOM, .npy, .npz, PNG or JPEG slices, or a prepared data set.",
    );
  const identity = identityOf(options);
  const chosen = chooseVolume(found, options);
  const pictures = Object.values(wanted).some((files: string[]) => files.length > 0);
  if (chosen === null && pictures && found.volumes.length > 0)
    throw new InspectError(
      `${path}: expected one volume to draw, found ${found.volumes.length}`,
      "Choose one with --series or --id.",
    );
  const series = chosen === null ? undefined : found.series.get(chosen);
  const gaps = chosen === null ? null : gapRefusalOf(chosen.input, allowGaps);
  const refused = series === undefined ? gaps : refusalOf(series, { allowGaps, allowSingle: true });
  // A refused volume is listed with the reason; pictures of it are refused with an error.
  if (chosen === null || (refused !== null && !pictures)) {
    const listed = chosen === null ? found : { ...found, volumes: [chosen] };
    const look = await lookAtSource(path, listed, { allowGaps, identity, ...(signal && { signal }) });
    return { look, ...NO_EXTRAS, files: [], usable: isUsable(look) };
  }
  return await inspectVolume(chosen, found, identity, options, wanted);
}

async function inspectVolume(
  chosen: SourceVolume,
  found: (Target & { kind: "source" })["found"],
  identity: Identity,
  options: InspectOptions,
  wanted: Wanted,
): Promise<InspectResult> {
  const { allowGaps = false, unit = null } = options;
  const read = await readToLook(chosen.input, { allowGaps, unit, allowSingle: true });
  const series = found.series.get(chosen);
  const refused = series === undefined ? null : refusalOf(series, { allowGaps });
  const sourceInfo = await sourceFacts(chosen, series, read, identity);
  const facts = refused === null ? sourceInfo : { ...sourceInfo, "prepare refuses it": refused };
  const { look, counts } = lookAtVolume(read, {
    name: chosen.path,
    facts,
    setAside: byReason(found.setAside),
    broken: found.broken.map(({ path, reason }) => ({ path, reason })),
  });
  const window = options.window ?? defaultWindow(read.volume, counts);
  const outputs = new Outputs(wanted, options.out);
  // Paths and descriptions of a DICOM export may name the patient, and pictures are often shared.
  const title = series === undefined ? chosen.path : "DICOM series";
  const shown = { volume: turned(read.volume), title, counts, placed: read.placed };
  const { preview } = await picture(shown, { ...options, window }, outputs);
  return { look, ...NO_EXTRAS, preview, files: outputs.files };
}
