/** How a server behaves, with the default of every option. */
import { isIP } from "node:net";

export interface ServeOptions {
  /** The models, by the name under which they are served: folders of runs or groups, or files of bundles. */
  models: ReadonlyMap<string, string>;
  /** Folder of the queue, the uploads and the results. */
  data: string;
  /** Address to listen on. Default 127.0.0.1; any other needs `tokens`. */
  host?: string;
  /** Default 8080; 0 chooses a free port. */
  port?: number;
  /** File with the tokens that are accepted, one line each: a name, a space, and the token's SHA-256. */
  tokens?: string | null;
  /** Processes that predict. Default 1. */
  workers?: number;
  /** Most predictions that a process takes at a time; slices of their scans share batches. Default 4. */
  together?: number;
  /** Most predictions that wait; more are answered with 429. Default 100. */
  queue?: number;
  /** Milliseconds for which the files and results of a prediction are kept after its end. Default 24 hours. */
  keep?: number;
  /** Most bytes of an upload. Default 4 GiB. */
  maxUpload?: number;
  /** Most files of an upload, also inside an archive. Default 20 000. */
  maxFiles?: number;
  /** Most bytes of an upload after decompression. Default 16 GiB. */
  maxUnpacked?: number;
  /** Milliseconds without a byte after which an upload is refused. Default 30 000. */
  uploadStall?: number;
  /** Milliseconds after which a prediction is ended. Default 10 minutes. */
  timeout?: number;
  /** Milliseconds that a stop waits for running predictions; what has not ended then runs after the next start. Default 30 000. */
  grace?: number;
  /** Most requests of one client a minute. Default 1200. */
  rate?: number;
  /** File of the archives that studies are fetched from and results are sent to. Default: none. */
  pacs?: string | null;
  /** Milliseconds before a failed transfer is tried again, which doubles with each failure. Default 5000. */
  pacsBackOff?: number;
  /** Receives objects by C-STORE as well. Default: null. */
  dimse?: DimseOptions | null;
  /** Folder of the built viewer, which is served at "/". Default null: "/" leads to the description of the API. */
  viewer?: string | null;
  /** Whether plug-ins in bundles may run. Default false. */
  allowPlugins?: boolean;
  device?: string;
  threads?: number;
  precision?: "auto" | "float32" | "bfloat16";
  /** Receives each line of the log, which is JSON. Default: standard error. */
  log?: (line: string) => void;
}

/** A receiver of C-STORE: every series that arrives is predicted. */
export interface DimseOptions {
  /** 0 chooses a free port. */
  port: number;
  /** AE title of the server. Default SLICESTACK. */
  title?: string;
  /** AE titles that may send. */
  from: readonly string[];
  /** Name of the model; may be omitted if only one is served. */
  model?: string;
  /** Archives to which the results are sent. Default: none. */
  sendTo?: readonly string[];
  /** Most bytes of an object. Default 512 MiB. */
  maxObject?: number;
  /** Milliseconds without an object after which a series is predicted. Default 10 000. */
  quiet?: number;
}

export type Settings = Required<Omit<ServeOptions, "device" | "threads" | "precision">> &
  Pick<ServeOptions, "device" | "threads" | "precision">;

/** A server cannot be started with these options. */
export class ServeError extends Error {
  override readonly name = "ServeError";
  constructor(
    readonly problem: string,
    readonly remedy: string,
  ) {
    super(`${problem}. ${remedy}`);
  }
}

const HOUR = 3_600_000;
const GIB = 2 ** 30;

/** @throws ServeError if the options contradict each other */
export function settingsOf(options: ServeOptions): Settings {
  const settings: Settings = {
    host: "127.0.0.1",
    port: 8080,
    tokens: null,
    workers: 1,
    together: 4,
    queue: 100,
    keep: 24 * HOUR,
    maxUpload: 4 * GIB,
    maxFiles: 20_000,
    maxUnpacked: 16 * GIB,
    uploadStall: 30_000,
    timeout: HOUR / 6,
    grace: 30_000,
    rate: 1200,
    pacs: null,
    pacsBackOff: 5000,
    dimse: null,
    viewer: null,
    allowPlugins: false,
    log: (line) => void process.stderr.write(line),
    ...options,
  };
  if (settings.models.size === 0)
    throw new ServeError("Expected models, received none", "Name at least one.");
  for (const name of settings.models.keys())
    if (!MODEL_NAME.test(name))
      throw new ServeError(
        `${JSON.stringify(name)} cannot be the name of a model: expected letters, digits, "-", "_" and "."`,
        "Give it a name: NAME=PATH.",
      );
  if (!isLoopback(settings.host) && settings.tokens === null)
    throw new ServeError(
      `${settings.host} can be reached from other machines, and no tokens are required`,
      "Pass --tokens FILE, and put a proxy with TLS in front; or listen on 127.0.0.1.",
    );
  checkDimse(settings);
  return settings;
}

function checkDimse({ dimse, models, pacs }: Settings): void {
  if (dimse === null) return;
  const { title = "SLICESTACK", from, model, sendTo = [] } = dimse;
  if (from.length === 0)
    throw new ServeError(
      "C-STORE has no passwords, so that the AE titles that may send must be listed",
      "Pass --dimse-from TITLE,TITLE.",
    );
  for (const one of [title, ...from])
    if (!AE_TITLE.test(one))
      throw new ServeError(`${JSON.stringify(one)} is not an AE title`, "Expected 1 to 16 characters.");
  if (model === undefined ? models.size > 1 : !models.has(model))
    throw new ServeError(
      "The model that predicts what is received is not named, or not served",
      `Pass --dimse-model with one of ${[...models.keys()].join(", ")}.`,
    );
  if (sendTo.length > 0 && pacs === null)
    throw new ServeError("Results are to be sent to archives, and none is configured", "Pass --pacs FILE.");
}

/** PS3.5, 6.2: printable ASCII without a backslash. */
const AE_TITLE = /^(?! )[\x20-\x5b\x5d-\x7e]{1,16}(?<! )$/;

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Whether only programs on this machine can reach the address. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}
