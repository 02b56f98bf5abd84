/** Many clients at a time: what is accepted is done once, the rest is refused with 429, and memory stays bounded. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Prediction } from "../src/index.js";
import { Client, serverProcess, type Trained } from "./support.js";

const CLIENTS = 200;
const QUEUE = 40;
const MEBIBYTE = 2 ** 20;

export async function survivesLoad({ folder, run, scan }: Trained, seconds: number): Promise<void> {
  const data = join(folder, "loaded");
  const server = await serverProcess(run, data, QUEUE);
  const client = new Client(server.url);
  const bytes = readFileSync(scan);
  const ids: string[] = [];
  const statuses = new Map<number, number>();
  const until = Date.now() + seconds * 1000;
  await client.predicted(bytes);
  const before = memoryOf(server.process.pid!);
  const upload = async () => {
    while (Date.now() < until) {
      const response = await client.post(bytes);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      const body = (await response.json()) as Prediction;
      if (response.status === 202) ids.push(body.id);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, upload));
  const words = JSON.stringify([...statuses]);
  assert.deepEqual(
    [...statuses.keys()].filter((status) => status !== 202 && status !== 429),
    [],
    words,
  );
  assert.ok(statuses.has(202) && statuses.has(429), words);
  for (const id of ids) assert.equal((await client.ended(id)).state, "done");
  assert.equal(new Set(ids).size, ids.length, "no id was given out twice");
  const done = readFileSync(join(data, "audit.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { action: string; prediction: string })
    .filter(({ action }) => action === "done");
  assert.equal(done.length, ids.length + 1, "each was done once");
  assert.deepEqual(readdirSync(join(data, "uploads")), []);
  const grown = memoryOf(server.process.pid!) - before;
  assert.ok(grown < 300 * MEBIBYTE, `the server grew by ${Math.round(grown / MEBIBYTE)} MiB`);
  server.process.kill("SIGTERM");
  assert.deepEqual(await once(server.process, "exit"), [0, null]);
}

/** Resident bytes of a process. */
const memoryOf = (pid: number): number =>
  1024 * Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
