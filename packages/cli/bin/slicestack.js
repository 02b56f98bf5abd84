#!/usr/bin/env node
// Committed as plain JavaScript, because npm links no bin that is missing at install time.
import { existsSync } from "node:fs";

const entry = new URL("../dist/src/main.js", import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write("slicestack is not built yet: run `make build` in the root of the repository\n");
  process.exitCode = 1;
}
