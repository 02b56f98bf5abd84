/** Chooses a volume of a source. */
import type { Found } from "../data/ingest/discover.js";
import { rankSeries } from "../data/ingest/series.js";
import type { SourceVolume } from "../data/ingest/source.js";
import type { Dataset } from "../data/store.js";
import type { VolumeRecord } from "../data/volume-record.js";
import { InspectError } from "./errors.js";

export interface Choice {
  /** Id, path, or a DICOM series' UID. */
  id?: string;
  /** Of DICOM series: thinnest, a UID, or a regular expression on the description. */
  series?: string;
}

/**
 * The named volume; without a name the only volume, or null if there are several.
 * @throws InspectError if no volume, or several, have the name   @throws PrepareError for an invalid expression
 */
export function chooseVolume(
  { volumes }: Pick<Found, "volumes">,
  { id, series }: Choice,
): SourceVolume | null {
  if (series !== undefined) return chooseSeries(volumes, series);
  if (id === undefined) return volumes.length === 1 ? volumes[0]! : null;
  const byName = volumes.filter(({ id: volumeId, path, names, input, series }) => {
    // The id of a DICOM volume contains a PatientID, which nobody should have to type.
    const ids = input.kind === "dicom" ? [series?.uid] : [volumeId];
    return path === id || ids.includes(id) || names.path.includes(id);
  });
  if (byName.length === 1) return byName[0]!;
  if (byName.length === 0)
    throw new InspectError(`id: ${id} matches none of ${volumes.length} volumes`, listing(volumes));
  throw new InspectError(`id: ${id} matches ${byName.length} volumes`, listing(byName));
}

function chooseSeries(volumes: readonly SourceVolume[], rule: string): SourceVolume {
  const [best] = rankSeries(volumes, rule);
  if (best !== undefined) return best;
  const descriptions = volumes.flatMap(({ series }) => (series === null ? [] : [`"${series.description}"`]));
  if (descriptions.length === 0)
    throw new InspectError("series: the source has no DICOM series", "Choose a volume with --id.");
  throw new InspectError(`series: none matches ${rule}`, `The series are ${firstOf(descriptions)}.`);
}

function listing(volumes: readonly SourceVolume[]): string {
  return `The volumes are ${firstOf(volumes.map(({ path }) => path))}; choose one by its path.`;
}

/** A volume of a data set by its id. @throws InspectError */
export function chooseRecord({ volumes, directory }: Dataset, id: string): VolumeRecord {
  const record = volumes.find((volume) => volume.id === id);
  if (record !== undefined) return record;
  const ids = firstOf(volumes.map((volume) => volume.id));
  throw new InspectError(`${directory}: no volume has the id ${id}`, `The ids are ${ids} (subjects.csv).`);
}

const firstOf = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
