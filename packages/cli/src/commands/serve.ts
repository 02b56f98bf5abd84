import { existsSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { pathWord } from "../shell.js";
import { addComputeOptions, type ComputeFlags } from "./compute-options.js";
import { parseCount, parseDuration, parsePort } from "./numbers.js";

interface ServeFlags extends CommonOptions, ComputeFlags {
  data: string;
  host: string;
  port: number;
  tokens?: string;
  workers: number;
  together: number;
  queue: number;
  keep: number;
  maxUpload: string;
  timeout: number;
  rate: number;
  allowPlugins?: boolean;
  viewer: boolean;
  pacs?: string;
  dimse?: number;
  dimseTitle?: string;
  dimseFrom?: string;
  dimseModel?: string;
  dimseSendTo?: string;
}

export function addServe(program: Command, start: Start): void {
  const command = program
    .command("serve")
    .description("answer HTTP requests with predictions: scans are uploaded, queued and predicted")
    .argument(
      "<model...>",
      "folders of runs or groups, or files of bundles; NAME=PATH chooses the name under which a model is served",
    )
    .option("--data <folder>", "folder of the queue, the uploads and the results", "served")
    .option(
      "--host <address>",
      "address to listen on; any but this machine's own needs --tokens",
      "127.0.0.1",
    )
    .addOption(
      new Option("--port <number>", "port to listen on; 0 takes a free one")
        .argParser(parsePort)
        .default(8080),
    )
    .option(
      "--tokens <file>",
      "accept only requests with a token of this file: a name and a SHA-256 on each line",
    )
    .option("--workers <number>", "processes that predict", parseCount, 1)
    .option(
      "--together <number>",
      "most predictions that a process takes at a time; slices of their scans share batches",
      parseCount,
      4,
    )
    .option("--queue <number>", "most predictions that wait; more are answered with 429", parseCount, 100)
    .addOption(
      ofTime("--keep <time>", "how long the files and results of a prediction are kept", 24 * 3600, "24h"),
    )
    .addOption(new Option("--max-upload <size>", "most bytes of an upload, e.g. 500MB").default("4GiB"))
    .addOption(ofTime("--timeout <time>", "how long a prediction may take", 600, "10m"))
    .option("--rate <number>", "most requests of one client a minute", parseCount, 1200)
    .option("--pacs <file>", "YAML file of the archives to fetch studies from and to send results to")
    .addOption(
      new Option("--dimse <port>", "receive scans by C-STORE on this port; needs --dimse-from").argParser(
        parsePort,
      ),
    )
    .option("--dimse-title <title>", "AE title of this server (default: SLICESTACK)")
    .option("--dimse-from <titles>", "AE titles that may send, separated by commas")
    .option("--dimse-model <name>", "model that predicts what is received, if several are served")
    .option(
      "--dimse-send-to <names>",
      "archives of --pacs to which those results are sent, separated by commas",
    )
    .option("--no-viewer", "serve the API alone, without the page that shows scans and results")
    .option("--allow-plugins", "run the plug-ins in bundles with your permissions");
  addComputeOptions(command, { threads: "threads that compute in each process" });
  addCommon(command, {
    example:
      "slicestack serve lung.slicestack\nslicestack serve lung=runs/lung severity=mosmed.slicestack --port 9000 --keep 1h",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine],
    notes:
      "http://127.0.0.1:8080/docs describes the API and tries it. SIGHUP reads the models and the tokens again. SIGTERM and Ctrl-C take no more requests and let running predictions end; what still waits is predicted after the next start. The log, a line of JSON for each request, goes to standard error. Research use only; not a medical device.",
  }).action((models: string[], flags: ServeFlags) =>
    start(flags, (session) => runServe(models, flags, session)),
  );
}

async function runServe(given: string[], flags: ServeFlags, session: Session): Promise<Outcome> {
  const { serve } = await import("@slicestack/server");
  const { json: _json, verbose: _verbose, keep, timeout, maxUpload, viewer, ...rest } = flags;
  session.onFailure(() => "Predictions that were accepted are kept; start the same command again.");
  await using server = await serve({
    models: namedModels(given),
    ...withoutDimse(rest),
    dimse: dimseOf(flags),
    maxUpload: await bytesOf(maxUpload),
    keep: keep * 1000,
    timeout: timeout * 1000,
    viewer: viewer ? viewerFolder() : null,
    log: (line) => session.log(line.trimEnd()),
  });
  const reload = () =>
    void server.reload().catch((error: unknown) => session.log(`not reloaded: ${(error as Error).message}`));
  process.on("SIGHUP", reload);
  session.emit(`Serving ${server.models.map(({ name }) => name).join(", ")}: ${server.url}`, {
    url: server.url,
    models: server.models.map(({ name, sha256 }) => ({ name, sha256 })),
  });
  await new Promise<void>((resolve) => {
    if (session.signal.aborted)
      resolve(); // while the models were being opened
    else session.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  process.off("SIGHUP", reload);
  await server.close();
  return {
    code: EXIT.ok,
    text: "",
    json: undefined,
    note: "Stopped: what was accepted and still waits runs after the next start.",
  };
}

/** @throws UsageError if a flag of the receiver is given without its port */
function dimseOf({ dimse, dimseTitle, dimseFrom, dimseModel, dimseSendTo }: ServeFlags) {
  if (dimse === undefined) {
    if ([dimseTitle, dimseFrom, dimseModel, dimseSendTo].every((one) => one === undefined)) return null;
    throw new UsageError("The receiver of C-STORE has no port: pass --dimse PORT");
  }
  return {
    port: dimse,
    from: listOf(dimseFrom),
    sendTo: listOf(dimseSendTo),
    ...(dimseTitle === undefined ? {} : { title: dimseTitle }),
    ...(dimseModel === undefined ? {} : { model: dimseModel }),
  };
}

const listOf = (text: string | undefined): string[] =>
  (text ?? "").split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));

function withoutDimse<T extends Partial<ServeFlags>>(flags: T) {
  const { dimse: _port, dimseTitle: _title, dimseFrom: _from, dimseModel: _model, ...rest } = flags;
  const { dimseSendTo: _sendTo, ...others } = rest;
  return others;
}

/** The folder of the built viewer; null where the package is not installed or not built. */
function viewerFolder(): string | null {
  try {
    const page = fileURLToPath(import.meta.resolve("@slicestack/viewer/site/index.html"));
    return existsSync(page) ? dirname(page) : null;
  } catch {
    return null;
  }
}

/** @throws UsageError if two models have one name */
function namedModels(given: readonly string[]): Map<string, string> {
  const models = new Map<string, string>();
  for (const one of given) {
    const [, name = defaultName(one), path = one] = /^([A-Za-z0-9][\w.-]*)=(.+)$/s.exec(one) ?? [];
    if (models.has(name))
      throw new UsageError(`Two models would be served as ${name}: name one, e.g. other=${pathWord(path)}`);
    models.set(name, path);
  }
  return models;
}

/** The name of the folder or file, without what a name may not have. */
const defaultName = (path: string): string =>
  basename(path.replace(/[/\\]+$/, ""))
    .replace(/\.slicestack$/, "")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "") || "model";

/** @throws UsageError */
async function bytesOf(maxUpload: string): Promise<number> {
  const { parseBytes } = await import("@slicestack/pipeline/internal");
  try {
    return parseBytes(maxUpload, "--max-upload");
  } catch (error) {
    throw new UsageError((error as RangeError).message);
  }
}

const ofTime = (flags: string, description: string, seconds: number, words: string): Option =>
  new Option(flags, description).argParser(parseDuration).default(seconds, words);
