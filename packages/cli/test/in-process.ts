/** Command lines in this process, for tests that run many of them: no start of Node each time. */
import { main } from "../src/main.js";

export interface Answered {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs one command line as if it had been typed in the folder `cwd`. */
export async function runInside(cwd: string, ...args: string[]): Promise<Answered> {
  const home = process.cwd();
  const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
  process.chdir(cwd);
  try {
    return { status: await main(args), stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    process.chdir(home);
    stdout.release();
    stderr.release();
  }
}

/** Takes texts, which are the command's; the test runner reports in bytes on the same stream. */
function captured(stream: NodeJS.WriteStream): { text: () => string; release: () => void } {
  const written: string[] = [];
  const write = stream.write.bind(stream);
  const take = (chunk: Uint8Array | string, ...rest: []): boolean => {
    if (typeof chunk !== "string") return write(chunk, ...rest);
    written.push(chunk);
    return true;
  };
  stream.write = take;
  return {
    text: () => written.join(""),
    release: () => {
      stream.write = write;
    },
  };
}
