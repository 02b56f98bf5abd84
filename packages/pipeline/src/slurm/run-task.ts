/** Runs the task of this array element, passes requests to stop on to it, and requeues it where it has stopped. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants, hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Slurm } from "./client.js";
import { commandOf, elementsOf, JobFolder, type JobFile, type TaskOutcome } from "./job-folder.js";
import type { StopRequests } from "./stop-requests.js";

/** Exit code of a Slicestack command that saved its state and stopped because of a signal. */
const STOPPED = 130;
/** A command that was still starting loses a signal, so it is asked again. */
const ASK_AGAIN_MS = 5000;
const LONGEST_END_MS = 60_000;

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
}

/**
 * Runs a command and forwards each stop request as SIGUSR1: Slurm sends SIGTERM to the command itself too, and a second
 * SIGTERM would end it before it has saved its state.
 */
async function run([program = "", ...args]: readonly string[], requests: StopRequests): Promise<Ended> {
  // Since Slurm 22.05, srun does not inherit this setting from the job.
  const cores = process.env["SLURM_CPUS_PER_TASK"];
  const env = { ...process.env, ...(cores === undefined ? {} : { SRUN_CPUS_PER_TASK: cores }) };
  const child = spawn(program, args, { stdio: "inherit", env });
  const ask = (): void => void child.kill("SIGUSR1");
  requests.listen(ask);
  const again = setInterval(() => requests.wereMade && ask(), ASK_AGAIN_MS);
  const ended = await new Promise<Ended>((resolve) => {
    child.on("error", (error) => {
      say(`${program} could not be started: ${error.message}`);
      resolve({ code: 127, signal: null });
    });
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  clearInterval(again);
  return ended;
}

/** Whether a command that was asked to stop did so, in an orderly way or because it does not handle the signal. */
const endedOnRequest = ({ code, signal }: Ended): boolean =>
  code === STOPPED || signal === "SIGUSR1" || signal === "SIGTERM" || isCodeOfSignal(code);
const isCodeOfSignal = (code: number | null): boolean =>
  code === 128 + constants.signals.SIGUSR1 || code === 128 + constants.signals.SIGTERM;

const isCancelled = ({ cancelled }: JobFile): boolean => cancelled.some((path) => existsSync(path));

/** What Slurm writes into the log of a job that a user signals; where it stops one by itself, it adds another reason. */
const CANCELLED = /slurmstepd.*\*\*\* (JOB|STEP) .* CANCELLED AT \S+( DUE TO SIGNAL \w+)? \*\*\*/i;

/** The lines about cancelling in the log of a task, of all of its starts. */
function cancelLines(folder: JobFolder, element: number): number {
  const logs = [folder.log(element, "out"), folder.log(element, "err")].filter((file) => existsSync(file));
  const lines = logs.flatMap((file) => readFileSync(file, "utf8").split("\n"));
  return lines.filter((line) => CANCELLED.test(line)).length;
}

/**
 * Whether a user cancelled a task, which must then not run again, unlike one that Slurm stopped. While the processes of
 * a job are ending, its state is COMPLETING for any reason; only its log tells which. A signal alone leaves it running.
 */
async function wasCancelled(slurm: Slurm, id: string, hasLine: boolean): Promise<boolean> {
  const state = await slurm.stateOf(id);
  return state === "CANCELLED" || (state === "COMPLETING" && hasLine);
}

/**
 * Requeues the task, and waits until Slurm ends this start of it.
 * @param hasLine whether its log says that a user signalled it
 * @returns false if the task must not run again
 */
async function requeue({ id, restarts }: Place, file: JobFile, hasLine: boolean): Promise<boolean> {
  if (isCancelled(file)) return false;
  if (restarts >= file.mostRestarts) {
    say(`${id} was requeued ${restarts} times and still did not finish; give it a longer time limit`);
    return false;
  }
  const slurm = new Slurm();
  if (await wasCancelled(slurm, id, hasLine)) return false;
  // Slurm ends a requeued job. If its batch step ended by itself first, it could count as a failure.
  const ended = new Promise((resolve) => process.once("SIGTERM", resolve));
  const isHeld = file.held.some((path) => existsSync(path));
  say(`${id} was stopped and saved its state; it is requeued${isHeld ? ", and held" : ""}`);
  await slurm.requeue(id, isHeld);
  await Promise.race([ended, pause(LONGEST_END_MS)]);
  return true;
}

/** The controller of a sweep submits the task again. */
function noteRefusal(error: unknown): "refused" {
  say(error instanceof Error ? error.message : String(error));
  return "refused";
}

/**
 * @param path folder of the submission   @param requests those made so far, and those to come
 * @returns the exit code of the batch step
 */
export async function runTask(path: string, requests: StopRequests): Promise<number> {
  const folder = new JobFolder(path);
  const file = folder.read();
  const place = placeOf(process.env);
  const task = file?.tasks[elementsOf(file).indexOf(place.element)];
  if (file === null || task === undefined) {
    say(`${folder.file}: expected task ${place.element}, but it does not exist`);
    return 1;
  }
  const begun = performance.now();
  const linesBefore = cancelLines(folder, place.element);
  // The signal of a cancel may have come too early for this process; its mark is there before the signal.
  const isWanted = !requests.wereMade && !isCancelled(file);
  const ended = isWanted
    ? await run([...file.launcher, ...commandOf(task)], requests)
    : { code: STOPPED, signal: null };
  const stopped = !isWanted || (requests.wereMade && endedOnRequest(ended));
  const hasLine = cancelLines(folder, place.element) > linesBefore;
  const again = stopped ? await requeue(place, file, hasLine).catch(noteRefusal) : false;
  if (again === true) return STOPPED;
  const seconds = Math.round(performance.now() - begun) / 1000;
  const outcome: TaskOutcome = {
    ...ended,
    stopped,
    ...(again === "refused" ? { refused: true } : {}),
    job: place.id,
    restarts: place.restarts,
    host: hostname(),
    seconds,
  };
  folder.writeOutcome(place.element, outcome);
  if (ended.signal !== null) return 128 + constants.signals[ended.signal];
  return file.success.includes(ended.code ?? 1) ? 0 : (ended.code ?? 1);
}
