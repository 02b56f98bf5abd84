/** Runs a scenario on several ranks: as worker threads of this process, or as processes where one is to die. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { availability } from "../../src/distributed.js";
import type { ScenarioName } from "./scenarios.js";

/** The configuration of one rank. */
export interface Place {
  scenario: ScenarioName;
  rank: number;
  worldSize: number;
  port: number;
  timeoutSeconds: number;
  /** Arguments of the scenario. */
  detail: string;
}

const { backends, reason } = availability();
const skip = backends.length > 0 ? false : reason;
/** A test that is skipped, with the reason, where this build has no c10d. */
export function groupTest(name: string, body: () => Promise<void>): void {
  test(name, { skip }, body);
}

/** A port that was free at the time of the check. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const child = new URL("./rank-child.js", import.meta.url);
interface Options {
  detail?: string;
  timeoutSeconds?: number;
}

/** @returns what the scenario returned, by rank; a rank that throws fails the test */
export async function runRanks<T>(
  worldSize: number,
  scenario: ScenarioName,
  options: Options = {},
): Promise<T[]> {
  const { detail = "", timeoutSeconds = 60 } = options;
  const port = await freePort();
  return Promise.all(
    Array.from({ length: worldSize }, (_, rank) =>
      startRank<T>({ scenario, rank, worldSize, port, timeoutSeconds, detail }),
    ),
  );
}

/** One rank in a worker. @returns what its scenario returned */
export async function startRank<T>(place: Place): Promise<T> {
  const worker = new Worker(child, { workerData: place });
  const ended = once(worker, "exit"); // it can come together with the message
  const [message] = (await once(worker, "message")) as [{ result: T } | { error: string }];
  await ended;
  if ("error" in message) throw new Error(`rank ${place.rank}: ${message.error}`);
  return message.result;
}

export interface RankProcess {
  process: ChildProcess;
  /** The lines of stdout, as they come. */
  lines: string[];
  /** Resolves with the line that begins so. */
  line: (start: string) => Promise<string>;
  /** Exit code, or the signal's name. */
  end: Promise<number | string>;
}

export function spawnRank(place: Place): RankProcess {
  const started = spawn(process.execPath, [fileURLToPath(child), JSON.stringify(place)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  let rest = "";
  started.stdout.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    started.emit("lines");
  });
  const end = new Promise<number | string>((resolve) =>
    started.on("close", (code, signal) => resolve(code ?? signal ?? "?")),
  );
  const line = async (start: string): Promise<string> => {
    for (;;) {
      const found = lines.find((text) => text.startsWith(start));
      if (found !== undefined) return found;
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`the rank ended without a line '${start}': ${lines.join(" | ")}`);
      await Promise.race([once(started, "lines"), end]);
    }
  };
  return { process: started, lines, line, end };
}
