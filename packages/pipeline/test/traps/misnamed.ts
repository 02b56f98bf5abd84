import type { loadConfig } from "../../src/config/load.js";

/** What a name says of its task, against the task: "1v3", "0-vs-2", "0v1-4" (0 against 1 to 4), "5class". */
export function misnamed(
  text: string,
  { classesToInclude, classMapping, classNames }: ReturnType<typeof loadConfig>["task"],
): string | null {
  const versus = /(?:^|[^\d])(\d)[_-]?vs?[_-]?(\d)(?:-(\d))?(?:[^\d]|$)/.exec(text)?.slice(1);
  const [one = 0, from = 0, to = from] = (versus ?? []).filter((digit) => digit !== undefined).map(Number);
  const pair = versus && [one, ...Array.from({ length: to - from + 1 }, (_, k) => from + k)];
  const included = [...(classesToInclude ?? [])].sort();
  if (pair !== undefined && pair.join() !== included.join()) return `${text} includes ${included.join(", ")}`;
  const count = /(\d+)[_-]?class/.exec(text)?.[1];
  const classes = classMapping
    ? new Set(classMapping.values()).size
    : (classNames?.length ?? classesToInclude?.length);
  return count === undefined || classes === undefined || classes === Number(count)
    ? null
    : `${text} has ${classes} classes`;
}
