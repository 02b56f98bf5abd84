/** Warnings about volumes whose values can hardly be Hounsfield units. */
import { FLAGS_FACT, VALUE_FLAGS, type ValueFlag } from "@slicestack/volume";

/** The column of subjects.csv, which is a fact of the prepared volume. */
export const FLAGS_COLUMN = FLAGS_FACT;

/**
 * Warnings for a data set, one per flag: how many volumes have it, of which classes, and what it means.
 * @param classes names, by label
 */
export function flagWarnings(
  volumes: readonly { id: string; label: number; extra: Readonly<Record<string, string>> }[],
  classes: readonly string[],
): string[] {
  const flagsOf = ({ extra }: (typeof volumes)[number]) => (extra[FLAGS_COLUMN] ?? "").split(" ");
  return (Object.keys(VALUE_FLAGS) as ValueFlag[]).flatMap((flag) => {
    const flagged = volumes.filter((volume) => flagsOf(volume).includes(flag));
    const [first] = flagged;
    if (first === undefined) return [];
    const counts = classes.flatMap((name, label) => {
      const total = volumes.filter((volume) => volume.label === label).length;
      const affected = flagged.filter((volume) => volume.label === label).length;
      return affected === 0 ? [] : [`${affected} of ${total} of class ${name}`];
    });
    const which = flagged.length === 1 ? `volume (${first.id})` : `volumes (such as ${first.id})`;
    return [
      `${flagged.length} ${which} ${flagged.length === 1 ? "does" : "do"} not look like HU: ${VALUE_FLAGS[flag]}; ${counts.join(", ")}`,
    ];
  });
}

/** The remedy for every flag. */
export const FLAGS_REMEDY =
  "If a scan really contains no air, its values are right; otherwise export it again in HU, or prepare it with --unit arbitrary.";
