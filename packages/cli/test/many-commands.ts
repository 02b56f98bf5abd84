/**
 * Runs many command lines one after the other in one process, each in its own folder, as bin/slicestack.js would:
 * node many-commands.js JOBS RESULTS. A new process for each would spend most of its time on loading.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { main } from "../src/main.js";
import type { Ended } from "./command.js";

/** A command line, and the folder that it is given in. */
export interface CommandLine {
  cwd: string;
  args: string[];
}

const [jobs, results] = process.argv.slice(2) as [string, string];
const lines = JSON.parse(readFileSync(jobs, "utf8")) as CommandLine[];
const ended: Ended[] = [];
for (const line of lines) ended.push(await run(line));
writeFileSync(results, JSON.stringify(ended));

async function run({ cwd, args }: CommandLine): Promise<Ended> {
  const written = { stdout: "", stderr: "" };
  process.chdir(cwd);
  const restore = (["stdout", "stderr"] as const).map((name) =>
    catchText(process[name], (text) => (written[name] += text)),
  );
  try {
    return { status: await main(args), ...written };
  } finally {
    for (const undo of restore) undo();
  }
}

/** @returns what undoes it */
function catchText(stream: NodeJS.WriteStream, onText: (text: string) => void): () => void {
  const write = stream.write.bind(stream);
  stream.setMaxListeners(0); // each command adds one
  stream.write = (text: string | Uint8Array) => {
    onText(String(text));
    return true;
  };
  return () => (stream.write = write);
}
