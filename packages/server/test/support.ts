/** A small trained model and scans, made once for a test file, and a server on a free port. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { evaluate, generatePhantoms, loadConfig, prepare, train } from "@slicestack/pipeline";
import { serve, type Prediction, type ProblemBody, type ServeOptions, type Server } from "../src/index.js";

export interface Trained {
  folder: string;
  run: string;
  /** A scan that was not prepared. */
  scan: string;
}

/** A temporary folder with a separate cache, removed when the process ends. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-server-"));
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A 2.5D model of two classes, trained for one epoch on slices of 32 x 32 and evaluated. */
export async function trainedModel(folder: string): Promise<Trained> {
  const scans = join(folder, "scans");
  const { labels } = await generatePhantoms({
    destination: scans,
    counts: [9, 9, 0, 0, 0],
    seed: 4,
    size: 32,
    workers: 1,
  });
  const data = join(folder, "data");
  await prepare({ source: scans, destination: data, labels, size: [32, 32], depth: 6, workers: 1 });
  const file = join(folder, "small.yaml");
  writeFileSync(
    file,
    "name: small\nthreads: 1\nprecision: float32\nslice: {model: slice_cnn, epochs: 1, batch_size: 8}\nhead: {model: attention, epochs: 1}\n",
  );
  const run = join(folder, "run");
  await train({ config: loadConfig({ file }), data, out: run });
  await evaluate({ run, resamples: 50, images: false });
  return { folder, run, scan: join(scans, "0001.nii.gz") };
}

let folders = 0;
const servers: Server[] = [];
after(async () => {
  for (const server of servers) await server.close();
});

/** A server that is closed after the tests of the file; `lines` collects its log. */
export async function started(
  { folder, run }: Trained,
  options: Partial<ServeOptions> = {},
): Promise<{ server: Server; data: string; lines: string[]; client: Client }> {
  const data = options.data ?? join(folder, `served${++folders}`);
  const lines: string[] = [];
  const server = await serve({
    models: new Map([["small", run]]),
    data,
    port: 0,
    threads: 1,
    log: (line) => lines.push(line),
    ...options,
  });
  servers.push(server);
  return { server, data, lines, client: new Client(server.url) };
}

type Body = NonNullable<RequestInit["body"]>;

export class Client {
  constructor(
    readonly url: string,
    private readonly headers: Record<string, string> = {},
  ) {}

  withHeaders(headers: Record<string, string>): Client {
    return new Client(this.url, { ...this.headers, ...headers });
  }

  send(method: string, path: string, body?: Body, headers: Record<string, string> = {}): Promise<Response> {
    const all = { ...this.headers, ...headers };
    return fetch(`${this.url}${path}`, { method, headers: all, ...(body === undefined ? {} : { body }) });
  }

  async get<T>(path: string): Promise<T> {
    const response = await this.send("GET", path);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Sends one file as the body. */
  post(file: string | Uint8Array, query = "", headers: Record<string, string> = {}): Promise<Response> {
    const bytes = typeof file === "string" ? readFileSync(file) : file;
    const type = { "content-type": "application/octet-stream" };
    return this.send("POST", `/v1/predictions${query}`, new Uint8Array(bytes), { ...type, ...headers });
  }

  async predicted(file: string | Uint8Array, query = ""): Promise<Prediction> {
    const response = await this.post(file, query, { prefer: "wait=60" });
    return (await response.json()) as Prediction;
  }

  /** Waits until a prediction has ended. */
  async ended(id: string): Promise<Prediction> {
    for (;;) {
      const prediction = await this.get<Prediction>(`/v1/predictions/${id}`);
      if (prediction.ended !== null) return prediction;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export const problemIn = async (response: Response): Promise<ProblemBody> =>
  (await response.json()) as ProblemBody;

export interface ServerProcess {
  process: ChildProcess;
  url: string;
  workers: number[];
}

/** A server in a process of its own. */
export async function serverProcess(run: string, data: string, queue = 1000): Promise<ServerProcess> {
  const script = join(import.meta.dirname, "serve-child.js");
  const child = spawn(process.execPath, [script, run, data, String(queue)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill("SIGKILL"));
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { process: child, ...(JSON.parse(line) as { url: string; workers: number[] }) };
}
