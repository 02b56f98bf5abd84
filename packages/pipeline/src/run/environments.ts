/** Joins the environments in which a run was computed: a resumed run may continue with other threads or on another machine. */

/** The entries that can change the last bits of a result. */
const decisive = ["commit", "libtorch", "cpu", "device", "precision", "threads", "processes"] as const;
const join = ", then ";

export interface JoinedEnvironment {
  /** Each decisive entry with all values that it has had, in order: "2, then 1". */
  environment: Record<string, string>;
  /** What has changed since the run was last computed, in words: "threads 2, now 1". */
  changes: string[];
}

/** @param before the environment in run.json; its entries are absent while nothing has been computed */
export function joinEnvironments(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): JoinedEnvironment {
  const environment = { ...before, ...now };
  const changes: string[] = [];
  for (const name of decisive) {
    const [known, value] = [before[name], now[name]];
    if (known === undefined || value === undefined) continue;
    const last = known.split(join).at(-1);
    environment[name] = last === value ? known : known + join + value;
    if (last !== value) changes.push(`${name} ${last}, now ${value}`);
  }
  return { environment, changes };
}
