/**
 * Logs epochs to Weights & Biases if `log.wandb` is set. The SDK runs in a separate process (wandb-process.ts), because it
 * writes to stdout, handles Ctrl-C itself and throws where nothing can catch it. None of this stops a run.
 */
import { fork, type ChildProcess } from "node:child_process";
import { setTimeout as after } from "node:timers/promises";
import { configToFile } from "../../config/to-yaml.js";
import type { RunConfig } from "../../config/types.js";
import type { EpochRow } from "../metrics-log.js";

/** To the process. */
export type ToSdk =
  | { type: "init"; options: { project: string; entity?: string; name: string; config: unknown } }
  | { type: "row"; row: Record<string, number> }
  | { type: "finish" };

/** From the process. */
export type FromSdk =
  { type: "started"; url: string } | { type: "failed"; message: string } | { type: "finished" };

export interface EpochLog extends AsyncDisposable {
  row(row: EpochRow): void;
}

/** Milliseconds that the end of a run waits for unsent data. */
const patience = 20_000;

const silent: EpochLog = { row: () => undefined, [Symbol.asyncDispose]: () => Promise.resolve() };

/** @param onLog receives what a reader should know, such as the URL of the run or why there is none */
export function logEpochs(config: RunConfig, onLog: (line: string) => void, wait = patience): EpochLog {
  return config.log.wandb ? new WandbLog(config, onLog, wait) : silent;
}

class WandbLog implements EpochLog {
  readonly #process: ChildProcess;
  readonly #onLog: (line: string) => void;
  readonly #wait: number;
  readonly #ended: Promise<void>;
  #problem: string | null = null;
  #finished = false;

  constructor(config: RunConfig, onLog: (line: string) => void, wait: number) {
    this.#onLog = onLog;
    this.#wait = wait;
    // In a separate process group, so that Ctrl-C only reaches the run, which then sends the message to finish.
    this.#process = fork(new URL("./wandb-process.js", import.meta.url), { stdio: "ignore", detached: true });
    this.#ended = new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.once("error", (error) => (this.#fail(error.message), resolve()));
    });
    this.#process.on("message", (message: FromSdk) => this.#hear(message));
    const { project, entity } = config.log;
    const options = {
      project,
      name: config.name,
      config: configToFile(config),
      ...(entity === null ? {} : { entity }),
    };
    this.#send({ type: "init", options });
  }

  row({ stage, ...values }: EpochRow): void {
    const finite = Object.entries(values).filter(([, value]) => Number.isFinite(value));
    this.#send({
      type: "row",
      row: Object.fromEntries(finite.map(([name, value]) => [`${stage}/${name}`, value])),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#send({ type: "finish" });
    const late = new AbortController();
    const endedInTime = await Promise.race([
      this.#ended.then(() => true),
      after(this.#wait, false, { signal: late.signal }).catch(() => true),
    ]);
    late.abort();
    if (!endedInTime) this.#fail(`not all data could be sent within ${this.#wait / 1000} s`);
    else if (!this.#finished) this.#fail("its process ended early");
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  #hear(message: FromSdk): void {
    if (message.type === "started") this.#onLog(`Weights & Biases: ${message.url}`);
    else if (message.type === "failed") this.#fail(message.message);
    else this.#finished = true;
  }

  /** Logs the first problem; the run continues without Weights & Biases. */
  #fail(problem: string): void {
    if (this.#problem !== null) return;
    this.#problem = problem;
    this.#onLog(
      `Weights & Biases: ${problem}. The run continues without it; metrics.jsonl contains every epoch.`,
    );
  }

  #send(message: ToSdk): void {
    if (this.#problem === null && this.#process.connected)
      this.#process.send(message, (error) => error !== null && this.#fail(error.message));
  }
}
