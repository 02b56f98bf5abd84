/** The batch step of every job that Slicestack submits: `node run-job.js FOLDER` runs one task of FOLDER/job.json. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants, hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Slurm } from "./client.js";
import { commandOf, elementsOf, JobFolder, type JobFile, type TaskOutcome } from "./job-folder.js";

/** Exit code of a Slicestack command that saved its state and stopped because of a signal. */
const STOPPED = 130;
/** The first is sent some time before the time limit; the second on preemption and at the limit itself. */
const STOP_SIGNALS = ["SIGUSR1", "SIGTERM"] as const;

const say = (line: string): void => void process.stderr.write(`slicestack: ${line}\n`);

interface Place {
  element: number;
  /** Slurm's name of this element, e.g. "17_3"; requeueing "17" would requeue the whole array. */
  id: string;
  restarts: number;
}

function placeOf(env: NodeJS.ProcessEnv): Place {
  const element = Number(env["SLURM_ARRAY_TASK_ID"] ?? "0");
  return {
    element,
    id: `${env["SLURM_ARRAY_JOB_ID"] ?? env["SLURM_JOB_ID"]}_${element}`,
    restarts: Number(env["SLURM_RESTART_COUNT"] ?? "0"),
  };
}

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Whether Slurm asked the task to stop. */
  asked: boolean;
}

/**
 * Runs a command and forwards each stop request as SIGUSR1: Slurm sends SIGTERM to the command itself too, and a second
 * SIGTERM would end it before it has saved its state.
 */
async function run([program = "", ...args]: readonly string[]): Promise<Ended> {
  // Since Slurm 22.05, srun does not inherit this setting from the job.
  const cores = process.env["SLURM_CPUS_PER_TASK"];
  const env = { ...process.env, ...(cores === undefined ? {} : { SRUN_CPUS_PER_TASK: cores }) };
  const child = spawn(program, args, { stdio: "inherit", env });
  let asked = false;
  for (const name of STOP_SIGNALS)
    process.on(name, () => {
      asked = true;
      child.kill("SIGUSR1");
    });
  return new Promise((resolve) => {
    child.on("error", (error) => {
      say(`${program} could not be started: ${error.message}`);
      resolve({ code: 127, signal: null, asked });
    });
    child.on("exit", (code, signal) => resolve({ code, signal, asked }));
  });
}

/** Whether the command stopped on request, either in an orderly way or because it does not handle the signal. */
const hasStopped = ({ code, signal, asked }: Ended): boolean =>
  asked && (code === STOPPED || signal === "SIGUSR1" || signal === "SIGTERM" || codeOfSignal(code));
const codeOfSignal = (code: number | null): boolean =>
  code === 128 + constants.signals.SIGUSR1 || code === 128 + constants.signals.SIGTERM;

/** @returns false if the task must not run again */
async function requeue({ id, restarts }: Place, file: JobFile): Promise<boolean> {
  if (file.cancelled.some((path) => existsSync(path))) return false;
  if (restarts >= file.mostRestarts) {
    say(`${id} was requeued ${restarts} times and still did not finish; give it a longer time limit`);
    return false;
  }
  const slurm = new Slurm();
  // A job that a user cancelled must not be requeued, unlike one that Slurm stopped.
  if ((await slurm.stateOf(id)) === "CANCELLED") return false;
  say(`${id} was stopped and saved its state; it is requeued`);
  await slurm.requeue(id);
  return true;
}

/** Waits until Slurm ends this requeued task: if the batch step ended by itself first, it could count as a failure. */
async function untilEnded(): Promise<number> {
  process.once("SIGTERM", () => process.exit(STOPPED));
  await pause(60_000);
  return STOPPED;
}

async function main(folder: JobFolder): Promise<number> {
  const file = folder.read();
  const place = placeOf(process.env);
  const task = file?.tasks[elementsOf(file).indexOf(place.element)];
  if (file === null || task === undefined) {
    say(`${folder.file}: expected task ${place.element}, but it does not exist`);
    return 1;
  }
  const begun = performance.now();
  const ended = await run([...file.launcher, ...commandOf(task)]);
  if (hasStopped(ended)) {
    const again = await requeue(place, file).catch((error: unknown) => {
      // The controller of the sweep submits the task again if it finds neither the job nor an outcome.
      say(error instanceof Error ? error.message : String(error));
      return null;
    });
    if (again === null) return STOPPED;
    if (again) return untilEnded();
  }
  const outcome: TaskOutcome = {
    code: ended.code,
    signal: ended.signal,
    stopped: hasStopped(ended),
    job: place.id,
    restarts: place.restarts,
    host: hostname(),
    seconds: Math.round(performance.now() - begun) / 1000,
  };
  folder.writeOutcome(place.element, outcome);
  if (ended.signal !== null) return 128 + constants.signals[ended.signal];
  return file.success.includes(ended.code ?? 1) ? 0 : (ended.code ?? 1);
}

process.exitCode = await main(new JobFolder(process.argv[2] ?? "."));
// Signal handlers do not keep a process alive, but pending timers would.
process.exit();
