#!/usr/bin/env node
// Builds the native addon. `--optional` (the install script) never fails: the first use says what is missing.
import { existsSync } from "node:fs";

const optional = process.argv.includes("--optional");
const compiled = new URL("../dist/src/native/build.js", import.meta.url);
if (existsSync(compiled)) {
  const { main } = await import(compiled.href);
  process.exitCode = await main(optional);
} else if (!optional) {
  console.error("slicestack: the TypeScript is not compiled; in the repository run: make build");
  process.exitCode = 5;
}
