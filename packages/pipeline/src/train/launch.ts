/** Starts the processes of a training on this host and handles their end: `slicestack train --procs N`. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { usableCores } from "../engine/doctor/cpu.js";
import { systemProbe } from "../engine/doctor/probe.js";
import { LAUNCH_VARIABLES } from "./world.js";

/** The exit code of a rank that failed because another rank ended (DistributedError), and is not the cause itself. */
export const PEER_LOST = 6;

export interface LaunchOptions {
  /** The environment of the children, in addition to what is set for them. Default: that of this process. */
  env?: Record<string, string | undefined>;
  /** The cores to divide among the processes. Default: those that this process may use. */
  cores?: number;
  /** An abort is sent to each process as one SIGINT; they then end by themselves. */
  signal?: AbortSignal;
  /** Receives the output of rank 0. Default: rank 0 inherits the stdout of this process. */
  stdout?: Writable;
  /** Receives the errors of all ranks and the line of this process. Default: stderr. */
  stderr?: Writable;
  /** Seconds from SIGTERM to SIGKILL for the remaining ranks. Default 5. */
  graceSeconds?: number;
}

export interface RankEnd {
  rank: number;
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface LaunchResult {
  /** The exit code of the rank that caused the failure, as in a shell; otherwise that of rank 0. */
  exitCode: number;
  failed: RankEnd | null;
}

interface Rank {
  rank: number;
  child: ChildProcess;
  end: Promise<RankEnd>;
}

// How long the rank that caused the failure may take to end after those that it affected.
const SETTLE_MS = 1000;

/** Runs `command` n times, as ranks 0 .. n - 1 of one world. Returns when all have ended. */
export async function launchProcesses(
  n: number,
  command: string,
  args: readonly string[],
  options: LaunchOptions = {},
): Promise<LaunchResult> {
  if (!Number.isInteger(n) || n < 1 || n > 1024)
    throw new RangeError(`launchProcesses: expected 1 to 1024 processes, received ${n}`);
  const { signal, stderr = process.stderr, graceSeconds = 5 } = options;
  const port = await freePort();
  const ranks = Array.from({ length: n }, (_, rank) =>
    start(rank, command, args, environment(rank, n, port, options), options),
  );
  const ends: RankEnd[] = [];
  for (const { end } of ranks) void end.then((ended) => ends.push(ended));

  const interrupt = () => sendAll(ranks, "SIGINT");
  if (signal?.aborted) interrupt();
  signal?.addEventListener("abort", interrupt, { once: true });
  try {
    const failed = await firstFailure(ranks, ends, signal);
    if (failed !== null) {
      const others = n > 1 ? "; the other ranks were stopped" : "";
      stderr.write(`slicestack: rank ${failed.rank} of ${n} ${endText(failed)}${others}\n`);
      await stopAll(ranks, graceSeconds);
    }
    return { exitCode: exitCodeOf(failed ?? ends.find(({ rank }) => rank === 0)), failed };
  } finally {
    signal?.removeEventListener("abort", interrupt);
  }
}

function environment(
  rank: number,
  n: number,
  port: number,
  options: LaunchOptions,
): Record<string, string | undefined> {
  const { env = process.env, cores = usableCores(systemProbe()).usable } = options;
  const threads = String(Math.max(1, Math.floor(cores / n)));
  return {
    ...env,
    [LAUNCH_VARIABLES.rank]: String(rank),
    [LAUNCH_VARIABLES.worldSize]: String(n),
    [LAUNCH_VARIABLES.masterAddress]: "127.0.0.1",
    [LAUNCH_VARIABLES.masterPort]: String(port),
    OMP_NUM_THREADS: threads, // until the worker sets the number from threadsOf
  };
}

function start(
  rank: number,
  command: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
  options: LaunchOptions,
): Rank {
  const { stdout, stderr } = options;
  const output = rank > 0 ? "ignore" : stdout === undefined ? "inherit" : "pipe";
  const errors = rank === 0 && stderr === undefined ? "inherit" : "pipe";
  // detached: otherwise the children would receive Ctrl-C from the terminal in addition to the signal that is passed on.
  const child = spawn(command, args, { env, stdio: ["pipe", output, errors], detached: true });
  child.stdin?.on("error", () => undefined); // of a child that has ended, which is reported elsewhere
  const drained: Promise<unknown>[] = [];
  if (stdout !== undefined && child.stdout) drained.push(passOn(child.stdout, stdout, ""));
  if (child.stderr)
    drained.push(passOn(child.stderr, stderr ?? process.stderr, rank === 0 ? "" : `[rank ${rank}] `));
  const end = new Promise<RankEnd>((resolve) => {
    child.on("error", (error) => {
      if (child.pid !== undefined) return;
      (stderr ?? process.stderr).write(`slicestack: rank ${rank} could not be started: ${error.message}\n`);
      resolve({ rank, code: 127, signal: null });
    });
    // Waits for its last lines, but not longer if another process keeps its stderr open.
    child.on(
      "exit",
      (code, signal) =>
        void Promise.race([Promise.all(drained), pause(500)]).then(() => resolve({ rank, code, signal })),
    );
  });
  return { rank, child, end };
}

async function passOn(from: Readable, to: Writable, prefix: string): Promise<void> {
  for await (const line of createInterface({ input: from, crlfDelay: Infinity }))
    to.write(`${prefix}${line}\n`);
}

const isFailure = ({ code, signal }: RankEnd): boolean => code !== 0 || signal !== null;

/** Waits until a rank fails or all have ended. @returns the rank that caused the failure; null if all ended normally or as requested */
async function firstFailure(
  ranks: readonly Rank[],
  ends: readonly RankEnd[],
  signal: AbortSignal | undefined,
): Promise<RankEnd | null> {
  const open = new Set(ranks);
  while (open.size > 0) {
    const ended = await Promise.race([...open].map(async (rank) => ({ rank, end: await rank.end })));
    open.delete(ended.rank);
    if (!isFailure(ended.end) || signal?.aborted) continue;
    for (const wait of [SETTLE_MS, 4 * SETTLE_MS]) {
      // Ranks that lost a peer sometimes end first; the end of the peer itself tells more.
      if (blamed(ends) === undefined || wait === SETTLE_MS)
        await Promise.race([Promise.all(ranks.map(({ end }) => end)), pause(wait)]);
    }
    return blamed(ends) ?? ended.end;
  }
  return null;
}

function blamed(ends: readonly RankEnd[]): RankEnd | undefined {
  return ends.find((end) => isFailure(end) && end.code !== PEER_LOST);
}

async function stopAll(ranks: readonly Rank[], graceSeconds: number): Promise<void> {
  const all = Promise.all(ranks.map(({ end }) => end));
  sendAll(ranks, "SIGTERM");
  await Promise.race([all, pause(graceSeconds * 1000)]);
  sendAll(ranks, "SIGKILL");
  await all;
}

function sendAll(ranks: readonly Rank[], signal: NodeJS.Signals): void {
  for (const { child } of ranks) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    // A detached rank leads a process group, so that its own children end with it.
    if (signal === "SIGKILL") process.kill(-child.pid, signal);
    else child.kill(signal);
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

function endText({ code, signal }: RankEnd): string {
  if (signal === "SIGKILL") return "was killed by SIGKILL (the system does so if memory runs out)";
  return signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`;
}

function exitCodeOf(end: RankEnd | undefined): number {
  if (end === undefined) return 1;
  return end.signal === null ? (end.code ?? 1) : 128 + constants.signals[end.signal];
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** For a process that launchProcesses started: it receives a SIGTERM when the launcher ends, even if that was killed. */
export function endWithLauncher(): void {
  if (process.env[LAUNCH_VARIABLES.rank] === undefined) return;
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM")).resume();
  // Reading must not keep the process alive when it has nothing else to do.
  if ("unref" in process.stdin && typeof process.stdin.unref === "function") process.stdin.unref();
}
