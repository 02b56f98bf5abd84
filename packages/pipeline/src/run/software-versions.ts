/** The versions of the software that created a run. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function softwareVersions(): Record<string, string> {
  const file = fileURLToPath(new URL("../../../package.json", import.meta.url));
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return { slicestack: version, node: process.version };
}
