/** The process that runs the SDK of Weights & Biases. It executes the messages of wandb.ts one after another. */
import type { FromSdk, ToSdk } from "./wandb.js";

/** The part of the SDK that is used; version 0.5.1 only has types for bundlers. */
interface Sdk {
  init(
    options: Record<string, unknown>,
  ): Promise<{ url(): string; log(row: Record<string, number>): void; finish(): Promise<void> }>;
}

const say = (message: FromSdk) => new Promise<void>((resolve) => process.send?.(message, () => resolve()));

async function fail(error: unknown): Promise<never> {
  await say({ type: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
// The SDK also throws from callbacks, where no await can catch it.
process.on("uncaughtException", (error) => void fail(error));
process.on("unhandledRejection", (error) => void fail(error));

async function loaded(): Promise<Sdk> {
  try {
    const module = (await import("@wandb/sdk")) as unknown as { default: Sdk };
    return module.default;
  } catch (cause) {
    throw new Error("@wandb/sdk is not installed: npm install @wandb/sdk@0.5.1", { cause });
  }
}

let run: Awaited<ReturnType<Sdk["init"]>> | undefined;

async function handle(message: ToSdk): Promise<void> {
  if (message.type === "init") {
    run = await (await loaded()).init({ ...message.options, settings: { silent: true } });
    return say({ type: "started", url: run.url() });
  }
  if (message.type === "row") return run?.log(message.row);
  await run?.finish();
  await say({ type: "finished" });
  process.exit(0);
}

let queue = Promise.resolve();
const next = (message: ToSdk) => (queue = queue.then(() => handle(message)).catch(fail));
process.on("message", (message: ToSdk) => void next(message));
// The run ended without a message: what it has logged so far is still sent.
process.on("disconnect", () => void next({ type: "finish" }));
