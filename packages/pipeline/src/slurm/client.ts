/**
 * Runs Slurm's commands sbatch, squeue, scancel and scontrol. The accounting database, which many sites lack, is not
 * used.
 */
import { execFile } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { SlurmError } from "./errors.js";
import { parseJobs, type SlurmJob } from "./job.js";

export interface Submission {
  /** The text of the batch script. */
  script: string;
  /** Options of sbatch, e.g. { partition: "gpu" }: `true` for a flag; `false` omits the option. */
  options: Readonly<Record<string, string | number | boolean>>;
  /** A unique comment by which the job can be found without its number. */
  comment: string;
  /** Whether to give up at once if the queue is full, to submit again later. By default, sbatch waits for two minutes. */
  refuseFull?: boolean;
}

interface Ended {
  stdout: string;
  stderr: string;
  code: number | string;
}

/** The most bytes that a command may print: squeue of Slurm 22.05 prints every job of the cluster, 2.5 kB each. */
const MOST_OUTPUT = 2 ** 29;
const TIMEOUT_MS = 120_000;
/** The controller is busy or restarting: the command may or may not have been executed. */
const TRANSIENT =
  /timed out|Unable to contact slurm controller|Connection refused|Zero Bytes were transmitted|temporarily (unable|unavailable)|Resource temporarily|controller not responding|backup controller/i;
/** The user, or the cluster, has as many jobs in the queue as allowed. */
const FULL =
  /QOSMaxSubmit|AssocMaxSubmit|MaxSubmitJob|MaxJobCount|job submit limit|Job violates accounting.*limit|sleeping and retrying/i;
/** What sbatch prints before it tries again by itself, for two minutes. */
const WAITS = /sleeping and retrying/;

/** A limit on submitted jobs has been reached; more can be submitted once some have ended. */
export class SlurmFullError extends SlurmError {}

export class Slurm {
  constructor(
    private readonly env: Readonly<Record<string, string | undefined>> = process.env,
    /** Waits between two attempts if the controller does not answer. */
    private readonly retryMs = 5000,
  ) {}

  /**
   * Submits a batch job. If the controller does not answer, the queue is searched for the comment to find out whether
   * the job was accepted.
   * @returns the number of the job
   * @throws SlurmError, SlurmFullError
   */
  async submit({ script, options, comment, refuseFull = false }: Submission): Promise<number> {
    const words = Object.entries({ ...options, comment }).flatMap(([name, value]) => optionWord(name, value));
    const args = ["--parsable", ...words];
    for (let attempt = 1; ; attempt++) {
      const { stdout, stderr, code } = await this.#run(
        "sbatch",
        args,
        script,
        refuseFull ? WAITS : undefined,
      );
      const id = /^(\d+)(;|$)/.exec(stdout.trim())?.[1];
      if (code === 0 && id !== undefined) return Number(id);
      if (FULL.test(stderr)) {
        // Ended while it waited, it may have been about to succeed.
        const taken = WAITS.test(stderr) ? await this.#find(comment) : undefined;
        if (taken !== undefined) return taken;
        const told = lineOf("sbatch", stderr);
        const remedy = refuseFull
          ? "It will be submitted when earlier jobs have finished."
          : "Run the command again when earlier jobs have finished.";
        throw new SlurmFullError(told, remedy);
      }
      if (!TRANSIENT.test(stderr) || attempt === 4) throw refused("sbatch", args, stderr, code);
      await pause(this.retryMs * attempt);
      const taken = await this.#find(comment);
      if (taken !== undefined) return taken;
    }
  }

  async #find(comment: string): Promise<number | undefined> {
    return (await this.jobs()).find((job) => job.comment === comment)?.arrayJob;
  }

  /** Every job that Slurm knows, including those that ended recently. @throws SlurmError */
  async jobs(): Promise<SlurmJob[]> {
    const args = ["--states=all", "--json"];
    const { stdout, stderr, code } = await this.#again("squeue", args);
    if (code !== 0) throw refused("squeue", args, stderr, code);
    return parseJobs(stdout);
  }

  /** Ends jobs, or elements of arrays ("17_3"); jobs that have already ended are ignored. @throws SlurmError */
  async cancel(ids: readonly string[]): Promise<void> {
    for (let first = 0; first < ids.length; first += 500) {
      const args = ids.slice(first, first + 500);
      const { stderr, code } = await this.#again("scancel", args);
      if (code !== 0 && !/Invalid job id|already completed|completing/i.test(stderr))
        throw refused("scancel", args, stderr, code);
    }
  }

  /** Sends a signal to the batch step of a job, which passes it on to its command. @throws SlurmError */
  async signal(id: string, signal: "TERM" | "USR1"): Promise<void> {
    const args = ["--batch", `--signal=${signal}`, id];
    const { stderr, code } = await this.#again("scancel", args);
    if (code !== 0 && !/Invalid job id|already completed/i.test(stderr))
      throw refused("scancel", args, stderr, code);
  }

  /** Keeps waiting jobs, or elements of arrays, from starting until they are released. @throws SlurmError */
  async hold(ids: readonly string[]): Promise<void> {
    await this.#control("hold", ids);
  }

  /** Lets held jobs, or elements of arrays, start. @throws SlurmError */
  async release(ids: readonly string[]): Promise<void> {
    await this.#control("release", ids);
  }

  async #control(verb: "hold" | "release", ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const args = [verb, id];
      const { stderr, code } = await this.#again("scontrol", args);
      // It has started or ended meanwhile.
      if (
        code !== 0 &&
        !/Invalid job id|already (finished|completed)|not pending|no longer pending/i.test(stderr)
      )
        throw refused("scontrol", args, stderr, code);
    }
  }

  /** Puts a job, or one element of an array, back into the queue; `isHeld`: it then waits to be released. @throws SlurmError */
  async requeue(id: string, isHeld = false): Promise<void> {
    const args = [isHeld ? "requeuehold" : "requeue", id];
    const { stderr, code } = await this.#again("scontrol", args);
    if (code !== 0) throw refused("scontrol", args, stderr, code);
  }

  /**
   * The state of one job, e.g. RUNNING; COMPLETING as long as the processes of a job that has ended are ending; null if
   * Slurm no longer knows it.
   * @throws SlurmError
   */
  async stateOf(id: string): Promise<string | null> {
    const args = ["show", "job", "--oneliner", id];
    const { stdout, stderr, code } = await this.#again("scontrol", args);
    if (code === 0) return /\bJobState=(\w+)/.exec(stdout)?.[1] ?? null;
    if (/Invalid job id/i.test(stderr)) return null;
    throw refused("scontrol", args, stderr, code);
  }

  /** A setting of the cluster, e.g. MaxArraySize; undefined if there is none of that name. @throws SlurmError */
  async setting(name: string): Promise<string | undefined> {
    const args = ["show", "config"];
    const { stdout, stderr, code } = await this.#again("scontrol", args);
    if (code !== 0) throw refused("scontrol", args, stderr, code);
    return new RegExp(`^${name}\\s*=\\s*(.*?)\\s*$`, "m").exec(stdout)?.[1];
  }

  async #again(command: string, args: readonly string[]): Promise<Ended> {
    for (let attempt = 1; ; attempt++) {
      const ended = await this.#run(command, args);
      if (ended.code === 0 || !TRANSIENT.test(ended.stderr) || attempt === 4) return ended;
      await pause(this.retryMs * attempt);
    }
  }

  /** @param endsAt ends the command once it has printed this to stderr */
  #run(command: string, args: readonly string[], input = "", endsAt?: RegExp): Promise<Ended> {
    return new Promise((resolve, reject) => {
      // Otherwise Slurm cuts the list of an array's waiting elements after 64 bytes.
      const env = { ...this.env, SLURM_BITSTR_LEN: "0" };
      const options = { env, timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT };
      const child = execFile(command, [...args], options, (error, stdout, stderr) => {
        if (error?.code === "ENOENT") reject(missing(command, error));
        else
          resolve({
            stdout,
            stderr: error?.killed && endsAt?.test(stderr) !== true ? `${stderr} (timed out)` : stderr,
            code: error?.code ?? (error ? 1 : 0),
          });
      });
      if (endsAt !== undefined)
        child.stderr?.on("data", (text: string | Buffer) => endsAt.test(String(text)) && child.kill());
      // The command ended without reading its input; its exit code is more informative.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    });
  }
}

/** @throws SlurmError if the name could be read as something other than an option */
function optionWord(name: string, value: string | number | boolean): string[] {
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new SlurmError(
      `sbatch: expected a long option name such as partition, received ${JSON.stringify(name)}`,
      "See man sbatch for the list.",
    );
  if (value === false) return [];
  return [value === true ? `--${name}` : `--${name}=${value}`];
}

function missing(command: string, cause: unknown): SlurmError {
  return new SlurmError(
    `${command} was not found`,
    "Run this on a machine that can submit Slurm jobs, with Slurm's commands in PATH.",
    { cause },
  );
}

function refused(
  command: string,
  args: readonly string[],
  stderr: string,
  code: number | string,
): SlurmError {
  const shown = args.length > 6 ? [...args.slice(0, 6), "…"] : args;
  const told = lineOf(command, stderr);
  const remedy = TRANSIENT.test(stderr)
    ? "Slurm's controller does not answer; check its state with scontrol ping."
    : `The command was: ${[command, ...shown].join(" ")}`;
  return new SlurmError(told === command ? `${command} ended with ${code}` : told, remedy);
}

/** The error message that a Slurm command printed, without its prefixes. */
function lineOf(command: string, stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.replace(/^\w+: (error|fatal): /, "").trim());
  const told = lines.filter((line) => line !== "");
  return told.length === 0 ? command : `${command}: ${told.join("; ")}`.replace(/\.$/, "");
}
