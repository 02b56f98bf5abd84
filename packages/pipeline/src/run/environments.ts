/** What a run was computed with, over all its parts: a resumed one may go on with other threads, or on another machine. */

/** Entries that the last bits of results depend on. */
const decisive = ["libtorch", "cpu", "device", "precision", "threads", "processes"] as const;
const join = ", then ";

export interface JoinedEnvironment {
  /** Each decisive entry with all values that it had, in order: "2, then 1". */
  environment: Record<string, string>;
  /** What is other than in the part before, in words: "threads 2, now 1". */
  changes: string[];
}

/** @param before of run.json, without the entries where nothing was computed yet */
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
