import { existsSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { UsageError } from "./exit-codes.js";

/** runs/NAME, or runs/NAME-2, runs/NAME-3 … where it exists: results are never overwritten without being asked. */
export function freeRunFolder(name: string, isReused: boolean): string {
  const first = join("runs", name);
  if (relative("runs", first).split(sep)[0] === ".." || first === "runs")
    throw new UsageError(
      `name: ${name} leads out of the folder runs; give the configuration another, or --out FOLDER`,
    );
  if (isReused || !existsSync(first)) return first;
  for (let number = 2; ; number++) if (!existsSync(`${first}-${number}`)) return `${first}-${number}`;
}
