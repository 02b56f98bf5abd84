import { existsSync } from "node:fs";
import { join } from "node:path";

/** runs/NAME, or runs/NAME-2, runs/NAME-3 … where it is taken: results are never overwritten. */
export function freeRunFolder(name: string, relaunch: boolean): string {
  const first = join("runs", name);
  if (relaunch || !existsSync(first)) return first;
  for (let number = 2; ; number++) if (!existsSync(`${first}-${number}`)) return `${first}-${number}`;
}
