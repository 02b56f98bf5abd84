/**
 * The processes that train together, as described by the environment variables of the program that started them:
 * `slicestack train --procs N` (launch.ts), torchrun, or srun. Nothing here touches libtorch.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** The environment variables of a starter are incomplete or contradict each other. */
export class WorldError extends Error {
  override readonly name = "WorldError";
}

export type Starter = "none" | "slicestack" | "torchrun" | "srun";

export interface World {
  /** This process, 0 .. worldSize - 1. Rank 0 writes the run folder. */
  rank: number;
  worldSize: number;
  /** The number of this process on its host, which is also the number of its GPU. */
  localRank: number;
  localWorldSize: number;
  /** Host and port of rank 0. */
  masterAddress: string;
  masterPort: number;
  starter: Starter;
}

/** A world whose first host Slurm still has to be asked for. */
export type UnresolvedWorld = Omit<World, "masterAddress"> & { masterAddress: null; nodeList: string };

type Env = Record<string, string | undefined>;

/** The variables that launch.ts sets for the processes it starts. */
export const LAUNCH_VARIABLES = {
  rank: "SLICESTACK_RANK",
  worldSize: "SLICESTACK_WORLD_SIZE",
  masterAddress: "SLICESTACK_MASTER_ADDR",
  masterPort: "SLICESTACK_MASTER_PORT",
} as const;

/** One process, no group. */
export const alone: World = {
  rank: 0,
  worldSize: 1,
  localRank: 0,
  localWorldSize: 1,
  masterAddress: "127.0.0.1",
  masterPort: 29_500,
  starter: "none",
};

/**
 * The innermost starter wins: slicestack inside torchrun or srun, torchrun inside srun. Without any, a world of one process.
 * @throws WorldError if the variables of a starter are incomplete or contradict each other
 */
export function worldFromEnvironment(env: Env): World | UnresolvedWorld {
  if (env[LAUNCH_VARIABLES.rank] !== undefined || env[LAUNCH_VARIABLES.worldSize] !== undefined)
    return launchedWorld(env);
  if (env["RANK"] !== undefined || env["WORLD_SIZE"] !== undefined) return torchrunWorld(env);
  // A batch script has SLURM_PROCID and SLURM_NTASKS too, but it is one process: only srun makes a step.
  if (env["SLURM_STEP_NODELIST"] !== undefined && env["SLURM_PROCID"] !== undefined) return slurmWorld(env);
  return alone;
}

function launchedWorld(env: Env): World {
  const read = reader(env, "slicestack train --procs");
  const [rank, worldSize] = rankAndSize(read, LAUNCH_VARIABLES.rank, LAUNCH_VARIABLES.worldSize);
  const masterAddress = read.text(LAUNCH_VARIABLES.masterAddress);
  const masterPort = read.port(LAUNCH_VARIABLES.masterPort);
  return {
    rank,
    worldSize,
    localRank: rank,
    localWorldSize: worldSize,
    masterAddress,
    masterPort,
    starter: "slicestack",
  };
}

function torchrunWorld(env: Env): World {
  const read = reader(env, "torchrun");
  const [rank, worldSize] = rankAndSize(read, "RANK", "WORLD_SIZE");
  const localRank = read.whole("LOCAL_RANK", 0, rank);
  const localWorldSize =
    env["LOCAL_WORLD_SIZE"] === undefined ? 1 : read.whole("LOCAL_WORLD_SIZE", localRank + 1, worldSize);
  const masterAddress = read.text("MASTER_ADDR");
  return {
    rank,
    worldSize,
    localRank,
    localWorldSize,
    masterAddress,
    masterPort: portBeside(read.port("MASTER_PORT"), env),
    starter: "torchrun",
  };
}

/** The store of torchrun may listen on MASTER_PORT; its processes agree on another port. */
function portBeside(port: number, env: Env): number {
  if (env["TORCHELASTIC_USE_AGENT_STORE"] !== "True") return port;
  return port + 1000 <= 65_535 ? port + 1000 : port - 1000;
}

function slurmWorld(env: Env): World | UnresolvedWorld {
  const read = reader(env, "srun");
  const size = env["SLURM_STEP_NUM_TASKS"] === undefined ? "SLURM_NTASKS" : "SLURM_STEP_NUM_TASKS";
  const [rank, worldSize] = rankAndSize(read, "SLURM_PROCID", size);
  const localRank = read.whole("SLURM_LOCALID", 0, rank);
  const localWorldSize = tasksHere(env) ?? worldSize;
  const masterPort = portOfJob(env["SLURM_JOB_ID"], env["SLURM_STEP_ID"]);
  const world = { rank, worldSize, localRank, localWorldSize, masterPort, starter: "srun" as const };
  const named = env["MASTER_ADDR"];
  if (named !== undefined && named !== "") return { ...world, masterAddress: named };
  if (env["SLURM_STEP_NUM_NODES"] === "1") return { ...world, masterAddress: "127.0.0.1" };
  return { ...world, masterAddress: null, nodeList: read.text("SLURM_STEP_NODELIST") };
}

/** SLURM_STEP_TASKS_PER_NODE, e.g. "4(x2),1": the tasks of this node. */
function tasksHere(env: Env): number | undefined {
  const counts = (env["SLURM_STEP_TASKS_PER_NODE"] ?? "").split(",").flatMap((part) => {
    const [, count, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return count === undefined
      ? []
      : Array.from({ length: Math.min(Number(times), 65_536) }, () => Number(count));
  });
  return counts[Number(env["SLURM_NODEID"] ?? "0")];
}

/** All tasks of a step need the same port, and two steps on a host different ones; the ports are below those that the system assigns. */
function portOfJob(job = "0", step = "0"): number {
  const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : 0);
  return 10_000 + ((number(job) * 7 + number(step)) % 20_000);
}

/** Asks Slurm for the first host of the step. @throws WorldError */
export async function resolveWorld(world: World | UnresolvedWorld): Promise<World> {
  if (world.masterAddress !== null) return world;
  const { nodeList, ...rest } = world;
  try {
    const { stdout } = await promisify(execFile)("scontrol", ["show", "hostnames", nodeList], {
      timeout: 30_000,
    });
    const first = stdout.trim().split("\n")[0] ?? "";
    if (first !== "") return { ...rest, masterAddress: await addressOf(first) };
    throw new Error("it did not name a host");
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).trim();
    throw new WorldError(
      `scontrol show hostnames ${nodeList}: ${reason}\n  Set MASTER_ADDR to the host of rank 0, or make scontrol work on the nodes.`,
    );
  }
}

/** A node's name in Slurm need not be one that the network knows: then its entry says where it is. */
async function addressOf(node: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("scontrol", ["show", "node", node], { timeout: 30_000 });
    return /\bNodeAddr=(\S+)/.exec(stdout)?.[1] ?? node;
  } catch {
    return node;
  }
}

/**
 * Threads for one process: its share of the cores of its host.
 * @param usable cores that this process may run on (doctor/cpu.ts)   @param logical cores of the host
 */
export function threadsOf(world: World, usable: number, logical: number): number {
  // srun usually binds each task to separate cores; the usable cores are then already its share.
  const bound = world.starter === "srun" && usable < logical;
  return Math.max(1, Math.floor(usable / (bound ? 1 : world.localWorldSize)));
}

interface Reader {
  text: (name: string) => string;
  whole: (name: string, low: number, high: number) => number;
  port: (name: string) => number;
}

function reader(env: Env, starter: string): Reader {
  const text = (name: string) => {
    const value = env[name];
    if (value !== undefined && value !== "") return value;
    throw new WorldError(
      `${name}: expected a value, as ${starter} sets it, received none\n  Start with ${starter}, or unset its other variables to train in one process.`,
    );
  };
  const whole = (name: string, low: number, high: number) => {
    const value = text(name);
    if (/^\d{1,9}$/.test(value) && Number(value) >= low && Number(value) <= high) return Number(value);
    throw new WorldError(
      `${name}: expected a whole number from ${low} to ${high}, received '${value}'\n  ${starter} sets it: look at what else does.`,
    );
  };
  return { text, whole, port: (name) => whole(name, 1, 65_535) };
}

function rankAndSize(read: Reader, rank: string, worldSize: string): [rank: number, worldSize: number] {
  const size = read.whole(worldSize, 1, 65_536);
  return [read.whole(rank, 0, size - 1), size];
}
