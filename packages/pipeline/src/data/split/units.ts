/** The units that a split distributes: subjects, or groups that must stay together, such as all subjects of one site. */
import { SplitError } from "../errors.js";
import { listed } from "../listed.js";
import { isMissing } from "../missing-value.js";
import type { Dataset } from "../store.js";
import type { VolumeRecord } from "../volume-record.js";

/** Volumes that stay in one part. */
export interface Unit {
  name: string;
  ids: string[];
  /** Volumes of each label. */
  labels: Map<number, number>;
  highest: number;
}

/**
 * Subjects, sorted by name, so that a split does not depend on the order of the volumes. With `group`, all subjects that
 * share a value of that column of subjects.csv are one unit, and groups that share a subject are merged.
 * @throws SplitError if the data set has no such column, or a volume has no value in it
 */
export function unitsOf(dataset: Pick<Dataset, "directory" | "volumes">, group?: string): Unit[] {
  const keyOf = group === undefined ? (volume: VolumeRecord) => volume.subject : joinedGroups(dataset, group);
  const units = new Map<string, Unit>();
  for (const volume of dataset.volumes) {
    const name = keyOf(volume);
    const unit = units.get(name) ?? {
      name,
      ids: [],
      labels: new Map<number, number>(),
      highest: volume.label,
    };
    unit.ids.push(volume.id);
    unit.labels.set(volume.label, (unit.labels.get(volume.label) ?? 0) + 1);
    unit.highest = Math.max(unit.highest, volume.label);
    units.set(name, unit);
  }
  return [...units.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function joinedGroups(
  { directory, volumes }: Pick<Dataset, "directory" | "volumes">,
  group: string,
): (volume: VolumeRecord) => string {
  const parent = new Map<string, string>();
  const root = (name: string): string => {
    const above = parent.get(name);
    if (above === undefined || above === name) return name;
    const top = root(above);
    parent.set(name, top);
    return top;
  };
  // The smaller name represents both, in any order.
  const join = (a: string, b: string) => {
    const [x, y] = [root(a), root(b)].sort() as [string, string];
    parent.set(y, x);
  };
  for (const { id, subject, extra } of volumes) {
    const value = extra[group];
    if (value === undefined || isMissing(value)) {
      const columns = listed(Object.keys(extra)) || "none";
      const problem =
        value === undefined
          ? `expected a column ${group}, but its further columns are: ${columns}`
          : `${id} has no ${group}`;
      throw new SplitError(
        `${directory}/subjects.csv: ${problem}`,
        "Give a column of the labels file that has a value for every volume.",
      );
    }
    join(`subject ${subject}`, `group ${value}`);
  }
  return ({ subject }) => root(`subject ${subject}`);
}
