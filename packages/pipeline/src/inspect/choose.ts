/** Which volume of a source is meant. */
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
 * The volume that is named; the only one where none is; null where several are and none is named.
 * @throws InspectError none, or several, of that name   @throws PrepareError a rule that is no expression
 */
export function chooseVolume({ volumes }: Pick<Found, "volumes">, { id, series }: Choice): SourceVolume | null {
  if (series !== undefined) return chooseSeries(volumes, series);
  if (id === undefined) return volumes.length === 1 ? volumes[0]! : null;
  const named = volumes.filter(({ id: own, path, names, input, series }) => {
    // The id of a DICOM volume holds a PatientID, which nobody has to type.
    const other = input.kind === "dicom" ? [series?.uid] : [own];
    return path === id || other.includes(id) || names.path.includes(id);
  });
  if (named.length === 1) return named[0]!;
  if (named.length === 0) throw new InspectError(`id: ${id} names none of ${volumes.length} volumes`, listing(volumes));
  throw new InspectError(`id: ${id} names ${named.length} volumes`, listing(named));
}

function chooseSeries(volumes: readonly SourceVolume[], rule: string): SourceVolume {
  const [best] = rankSeries(volumes, rule);
  if (best !== undefined) return best;
  const own = volumes.flatMap(({ series }) => (series === null ? [] : [`"${series.description}"`]));
  if (own.length === 0) throw new InspectError("series: there is no DICOM series here", "Choose a volume with --id.");
  throw new InspectError(`series: none matches ${rule}`, `There are ${firstOf(own)}.`);
}

function listing(volumes: readonly SourceVolume[]): string {
  return `There are ${firstOf(volumes.map(({ path }) => path))}; choose one by its path.`;
}

/** A volume of a data set by its id. @throws InspectError */
export function chooseRecord({ volumes, directory }: Dataset, id: string): VolumeRecord {
  const found = volumes.find((volume) => volume.id === id);
  if (found !== undefined) return found;
  const ids = firstOf(volumes.map((volume) => volume.id));
  throw new InspectError(`${directory}: no volume has the id ${id}`, `There are ${ids} (subjects.csv).`);
}

const firstOf = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
