/** What must not end, block or fill the server: a log that cannot be written, clients that hang, models that are gone. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LeaseQueue } from "@slicestack/pipeline/internal";
import type { Prediction } from "../src/index.js";
import { Predictions } from "../src/jobs/predictions.js";
import type { Upload } from "../src/upload/receive.js";
import { problemIn, scratch, started, trainedModel, type Client, type Trained } from "./support.js";

let trained: Trained;
before(async () => {
  trained = await trainedModel(scratch());
});

const accepted = async (client: Client): Promise<string> => {
  const response = await client.post(trained.scan, "?maps=ig");
  assert.equal(response.status, 202);
  return ((await response.json()) as Prediction).id;
};

const rowsOf = (data: string) =>
  readFileSync(join(data, "audit.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { action: string; prediction: string });

test("an audit log that cannot be written ends neither the server nor its workers' loops", async () => {
  const { client, server, data, lines } = await started(trained);
  const [worker] = server.workers;
  process.kill(worker!, "SIGSTOP");
  const id = await accepted(client);
  const log = join(data, "audit.jsonl");
  rmSync(log);
  mkdirSync(log);
  process.kill(worker!, "SIGCONT");
  while (!lines.some((line) => line.includes("EISDIR"))) await sleep(20);
  assert.equal(
    (await client.send("GET", `/v1/predictions/${id}`)).status,
    500,
    "what is not recorded is not shown",
  );
  rmSync(log, { recursive: true });
  assert.equal((await client.ended(id)).state, "done");
  assert.equal((await client.predicted(trained.scan)).state, "done");
  assert.deepEqual(server.workers, [worker]);
});

test("a prediction whose lease was taken away is not recorded, and the next one is done", async () => {
  const { client, server, data } = await started(trained);
  const [worker] = server.workers;
  process.kill(worker!, "SIGSTOP");
  const id = await accepted(client);
  using queue = LeaseQueue.open(join(data, "queue.sqlite"));
  let token: string | null | undefined = null;
  while (typeof token !== "string") {
    await sleep(10);
    token = queue.find(id)?.token;
  }
  queue.abandon(token, "by another process");
  process.kill(worker!, "SIGCONT");
  assert.equal((await client.predicted(trained.scan)).state, "done");
  assert.equal((await client.get<Prediction>(`/v1/predictions/${id}`)).state, "cancelled");
});

test("a stop does not wait for clients: events, a request that waits, and an upload end", async () => {
  const { client, server, data } = await started(trained, { grace: 100 });
  process.kill(server.workers[0]!, "SIGSTOP");
  const running = await accepted(client);
  const id = await accepted(client);
  const events = await client.send("GET", `/v1/predictions/${id}/events`);
  const waiting = client.post(trained.scan, "", { prefer: "wait=300" });
  const { hostname, port } = new URL(client.url);
  const upload = connect(Number(port), hostname);
  upload.on("error", () => undefined).write(headOf(hostname, "application/zip", 1000));
  while (readdirSync(join(data, "predictions")).length < 3 || readdirSync(join(data, "uploads")).length < 1)
    await sleep(10);
  await server.close();
  assert.match(await events.text(), /^event: queued$/m);
  assert.equal((await waiting).status, 202);
  const { client: next } = await started(trained, { data });
  for (const one of [running, id]) assert.equal((await next.ended(one)).state, "done");
});

test("a stop does not wait for a worker that cannot be started", async () => {
  const run = join(trained.folder, "moved");
  const { server } = await started(trained, { models: new Map([["small", trained.run]]) });
  renameSync(trained.run, run);
  try {
    process.kill(server.workers[0]!, "SIGKILL");
    while (server.workers.length > 0) await sleep(10);
    await server.close();
  } finally {
    renameSync(run, trained.run);
  }
});

test("reading results in any way is in the audit log, and the data folder is its owner's alone", async () => {
  const { client, data } = await started(trained);
  const { id } = await client.predicted(trained.scan, "?maps=gradcam");
  const reads = () =>
    rowsOf(data).filter(({ action, prediction }) => action === "read" && prediction === id).length;
  assert.equal(reads(), 0);
  for (const [k, path] of ["", "/result", "/maps/0", "/events"].entries()) {
    await (await client.send("GET", `/v1/predictions/${id}${path}`)).arrayBuffer();
    assert.equal(reads(), k + 1, path);
  }
  assert.equal(statSync(data).mode & 0o777, 0o700);
});

const UPLOAD = { files: ["00000.dcm"], bytes: 1, sha256: "0" };
const WANTED = { who: "local", model: "small", options: {}, key: "one" };

test("an upload that cannot be stored leaves nothing, and its key can be used again", async () => {
  const data = join(trained.folder, "unstored");
  using predictions = new Predictions(data, { queue: 1, keep: 1000 });
  const missing = (): Promise<Upload> =>
    Promise.resolve({ ...UPLOAD, folder: join(data, "uploads", "missing") });
  await assert.rejects(predictions.add(WANTED, missing), { code: "ENOENT" });
  assert.deepEqual(readdirSync(join(data, "predictions")), []);
  const folder = join(data, "uploads", "there");
  mkdirSync(folder);
  const id = await predictions.add(WANTED, () => Promise.resolve({ ...UPLOAD, folder }));
  assert.ok(existsSync(predictions.folderOf(id).input));
});

test("a prediction whose removal was interrupted does not keep others from expiring, and is gone after a restart", async () => {
  const data = join(trained.folder, "torn");
  const { client, server } = await started(trained, { data });
  const [torn, whole] = [await client.predicted(trained.scan), await client.predicted(trained.scan)].map(
    ({ id }) => id,
  );
  await server.close();
  const request = join(data, "predictions", torn!, "request.json");
  {
    using predictions = new Predictions(data, { queue: 1, keep: 1 });
    rmSync(request);
    const gone = predictions.expire(Date.now() + 1000).map((one) => ("id" in one ? one.id : one.error));
    assert.deepEqual(gone, [torn, whole]);
    assert.deepEqual(readdirSync(join(data, "predictions")), []);
  }
  const next = await started(trained, { data });
  const again = await next.client.predicted(trained.scan);
  await next.server.close();
  rmSync(join(data, "predictions", again.id, "request.json"));
  using predictions = new Predictions(data, { queue: 1, keep: 1 });
  assert.deepEqual([predictions.queue.list(), readdirSync(join(data, "predictions"))], [[], []]);
});

test("many answers over one connection leave no listener on it", async () => {
  const { client } = await started(trained);
  const warnings: string[] = [];
  const warn = ({ name }: Error) => warnings.push(name);
  process.on("warning", warn);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = readFileSync(trained.scan);
  for (let k = 0; k < 12; k++) {
    const headers = {
      "content-type": "application/octet-stream",
      prefer: "wait=60",
      "idempotency-key": "same",
    };
    const sent = request(`${client.url}/v1/predictions`, { method: "POST", agent, headers }).end(body);
    const [response] = (await once(sent, "response")) as [NodeJS.ReadableStream];
    await once(response.resume(), "end");
  }
  agent.destroy();
  await sleep(0);
  process.off("warning", warn);
  assert.ok(!warnings.includes("MaxListenersExceededWarning"));
});

const headOf = (host: string, type: string, length: number): string =>
  `POST /v1/predictions HTTP/1.1\r\nHost: ${host}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;

async function answerTo(client: Client, text: string): Promise<string> {
  const { hostname, port } = new URL(client.url);
  const socket = connect(Number(port), hostname);
  socket.write(text.replaceAll("HOST", hostname));
  let answer = "";
  for await (const piece of socket) answer += String(piece);
  return answer;
}

test("a form that stalls between two files is refused with 408; one without a boundary or a damaged one with 400", async () => {
  const { client, data } = await started(trained, { uploadStall: 200 });
  const stalled = await answerTo(client, `${headOf("HOST", "multipart/form-data; boundary=x", 1000)}--x\r\n`);
  assert.match(stalled, /^HTTP\/1\.1 408 /);
  const none = await client.send("POST", "/v1/predictions", "--x--\r\n", {
    "content-type": "multipart/form-data",
  });
  assert.equal((await problemIn(none)).type, "urn:slicestack:problem:invalid-request");
  const damaged = "--x\r\nContent-Disposition form-data\r\n\r\nabc\r\n--x--\r\n";
  const type = { "content-type": "multipart/form-data; boundary=x" };
  const answer = await client.send("POST", "/v1/predictions", damaged, type);
  assert.equal((await problemIn(answer)).type, "urn:slicestack:problem:invalid-request");
  assert.deepEqual(readdirSync(join(data, "uploads")), []);
});

test("a body that never arrives does not hold the connection of a request that was answered without it", async () => {
  const { client } = await started(trained, { uploadStall: 200 });
  assert.match(await answerTo(client, headOf("HOST", "text/html", 1000)), /^HTTP\/1\.1 415 /);
});

test("without tokens, a request that a proxy forwards is refused", async () => {
  const { client } = await started(trained);
  const response = await client.send("GET", "/v1/models", undefined, { "x-forwarded-for": "192.0.2.1" });
  assert.equal(response.status, 403);
});

test("the last token can be revoked", async () => {
  const tokens = join(trained.folder, "last");
  writeFileSync(tokens, `ward ${createHash("sha256").update("one").digest("hex")}\n`);
  const { client, server } = await started(trained, { tokens });
  const ward = client.withHeaders({ authorization: "Bearer one" });
  assert.equal((await ward.send("GET", "/v1/models")).status, 200);
  writeFileSync(tokens, "# nobody\n");
  await server.reload();
  assert.equal((await ward.send("GET", "/v1/models")).status, 401);
});

test("a prediction that waited for a model that is no longer served fails with the reason", async () => {
  const data = join(trained.folder, "renamed");
  const first = await started(trained, { data, grace: 1 });
  process.kill(first.server.workers[0]!, "SIGSTOP");
  const id = await accepted(first.client);
  await first.server.close();
  const { client } = await started(trained, { data, models: new Map([["other", trained.run]]) });
  const { state, problem } = await client.ended(id);
  assert.equal(state, "failed");
  assert.match(problem!.detail, /small is no longer served/);
});

test("the longest time that can be given does not end predictions at once", async () => {
  const { client } = await started(trained, { timeout: 2 ** 40 });
  assert.equal((await client.predicted(trained.scan)).state, "done");
});
