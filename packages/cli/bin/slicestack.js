#!/bin/sh
":" // ; [ "$SLICESTACK_ALLOCATOR" = system ] || for lib in /usr/lib/*/libtcmalloc_minimal.so.4; do [ -e "$lib" ] && export LD_PRELOAD="$lib${LD_PRELOAD:+:$LD_PRELOAD}"; done; exec node "$0" "$@"
// A shell reads the line above and starts Node with tcmalloc where it is installed (training 1.3 x faster: docs/explanation/engine.md);
// Node reads it as a string and a comment. Committed as plain JavaScript, because npm links no bin that is missing at install time.
import { existsSync } from "node:fs";

const entry = new URL("../dist/src/main.js", import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write("slicestack is not built yet: run `make build` in the root of the repository\n");
  process.exitCode = 1;
}
