#!/bin/sh
":" // ; [ "$SLICESTACK_ALLOCATOR" = system ] || for lib in /usr/lib/*/libtcmalloc_minimal.so.4; do [ -e "$lib" ] && export LD_PRELOAD="$lib${LD_PRELOAD:+:$LD_PRELOAD}"; done; exec node "$0" "$@"
// A shell reads the line above and starts Node with tcmalloc where it is installed (training 1.3 x faster: docs/explanation/engine.md);
// Node reads it as a string and a comment. Committed as plain JavaScript, because npm links no bin that is missing at install time.
import { closeSync, existsSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The command reads its modules many at once; with fewer files Node says in many ways that it cannot. */
const FEWEST_FILES = 180;

function canOpenFiles() {
  const opened = [];
  try {
    while (opened.length < FEWEST_FILES) opened.push(openSync(fileURLToPath(import.meta.url)));
    return true;
  } catch {
    return false;
  } finally {
    opened.forEach((descriptor) => closeSync(descriptor));
  }
}

/** Node ends with 13, and without a word, where a command waits for what cannot happen any more; a plug-in can exit with 0. */
function tellOfUnfinished(code) {
  if (code !== 0 && code !== 13) return;
  process.stderr.write(
    "slicestack: the process ended before its command did. Where the configuration names plug-ins, look for one that " +
      "calls process.exit, or whose top-level await never ends.\n",
  );
  process.exitCode = 1;
}

const entry = new URL("../dist/src/main.js", import.meta.url);
if (!canOpenFiles()) {
  process.stderr.write("slicestack: this process may open too few files (EMFILE). Raise the limit: ulimit -n 4096\n");
  process.exitCode = 2;
} else if (existsSync(entry)) {
  const { main } = await import(entry.href);
  process.on("exit", tellOfUnfinished);
  process.exitCode = await main(process.argv.slice(2));
  process.off("exit", tellOfUnfinished);
} else {
  process.stderr.write("slicestack is not built yet: run `make build` in the root of the repository\n");
  process.exitCode = 1;
}
