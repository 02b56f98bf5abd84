/** Kills, full disks and hostile uploads: no accepted prediction is lost, none is done twice, no file stays behind. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Random } from "@slicestack/stats";
import type { Prediction } from "../src/index.js";
import { Predictions } from "../src/jobs/predictions.js";
import { Client, problemIn, scratch, serverProcess, started, trainedModel, type Trained } from "./support.js";

let trained: Trained;
before(async () => {
  trained = await trainedModel(scratch());
});

const accepted = async (response: Response): Promise<string> => {
  assert.equal(response.status, 202, await response.clone().text());
  return ((await response.json()) as Prediction).id;
};

test("a worker that is killed is replaced, and its prediction is tried once more", async () => {
  const { client, server } = await started(trained);
  const ids: string[] = [];
  for (let kill = 0; kill < 4; kill++) {
    ids.push(await accepted(await client.post(trained.scan, "?maps=ig")));
    await sleep(30 * kill);
    for (const pid of server.workers) process.kill(pid, "SIGKILL");
    const end = await client.ended(ids.at(-1)!);
    assert.equal(end.state, "done", JSON.stringify(end.problem));
  }
  assert.equal(new Set(ids).size, 4);
  assert.deepEqual(await client.get("/health/ready"), { status: "ok", reasons: [] });
});

test("a prediction that ends its worker twice fails with a problem, and the next one is done", async () => {
  const { client, server } = await started(trained);
  const id = await accepted(await client.post(trained.scan, "?maps=gradcam,ig"));
  let prediction: Prediction;
  do {
    for (const pid of server.workers) process.kill(pid, "SIGKILL");
    await sleep(20);
    prediction = await client.get<Prediction>(`/v1/predictions/${id}`);
  } while (prediction.ended === null);
  assert.equal(prediction.state, "failed");
  assert.equal(prediction.problem!.type, "urn:slicestack:problem:unavailable");
  assert.equal((await client.predicted(trained.scan)).state, "done");
});

test("what was accepted is done after kill -9 of the server and a restart; a half upload leaves nothing", async () => {
  const data = join(trained.folder, "killed");
  const first = await serverProcess(trained.run, data);
  const client = new Client(first.url);
  const ids = await Promise.all(
    Array.from({ length: 6 }, async () => accepted(await client.post(trained.scan))),
  );
  const { hostname, port } = new URL(first.url);
  const half = connect(Number(port), hostname);
  half.on("error", () => undefined);
  half.write(
    `POST /v1/predictions HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/zip\r\nContent-Length: 1000000\r\n\r\nPK`,
  );
  while (readdirSync(join(data, "uploads")).length === 0) await sleep(10);
  first.process.kill("SIGKILL");
  await once(first.process, "exit");
  half.destroy();
  assert.equal(readdirSync(join(data, "uploads")).length, 1);
  const second = await serverProcess(trained.run, data);
  assert.deepEqual(readdirSync(join(data, "uploads")), []);
  const again = new Client(second.url);
  for (const id of ids) assert.equal((await again.ended(id)).state, "done");
  assert.deepEqual(readdirSync(join(data, "predictions")).sort(), [...ids].sort());
  second.process.kill("SIGTERM");
  const [code] = (await once(second.process, "exit")) as [number];
  assert.equal(code, 0, "a stop is graceful");
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  for (const pid of [...first.workers, ...second.workers]) while (isAlive(pid)) await sleep(20);
});

test("a stop lets what runs end, and what waits runs after the next start", async () => {
  const data = join(trained.folder, "stopped");
  const { client, server } = await started(trained, { data });
  const ids = await Promise.all(
    Array.from({ length: 5 }, async () => accepted(await client.post(trained.scan))),
  );
  await server.close();
  const next = await started(trained, { data });
  for (const id of ids) assert.equal((await next.client.ended(id)).state, "done");
});

test("a full disk is a problem with status 507; nothing of the upload stays, and later uploads are taken", async (t) => {
  const data = join(trained.folder, "disk");
  mkdirSync(data);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", data], { stdio: "ignore" });
  } catch {
    return t.skip("mounting a small disk needs root");
  }
  try {
    const { client, server } = await started(trained, { data });
    const response = await client.post(Buffer.alloc(2 ** 21));
    assert.equal(response.status, 507);
    assert.equal((await problemIn(response)).type, "urn:slicestack:problem:disk-full");
    assert.deepEqual(readdirSync(join(data, "uploads")), []);
    assert.equal((await client.predicted(trained.scan)).state, "done");
    await server.close();
  } finally {
    execFileSync("umount", [data]);
  }
});

test("limits: bytes, files, the contents of an archive, and the time between two bytes", async () => {
  const { client, data } = await started(trained, {
    maxUpload: 100_000,
    maxFiles: 3,
    maxUnpacked: 200_000,
    uploadStall: 300,
  });
  const statusOf = async (response: Promise<Response>) => (await response).status;
  assert.equal(await statusOf(client.post(Buffer.alloc(100_001))), 413);
  const form = new FormData();
  for (let k = 0; k < 4; k++) form.append("file", new Blob(["x"]), `${k}`);
  assert.equal(await statusOf(client.send("POST", "/v1/predictions", form)), 413);
  const folder = join(trained.folder, "zips");
  mkdirSync(folder);
  writeFileSync(join(folder, "zeros"), Buffer.alloc(300_000));
  execFileSync("python3", ["-c", DEFLATE, join(folder, "bomb.zip"), join(folder, "zeros")]);
  const bomb = readFileSync(join(folder, "bomb.zip"));
  assert.ok(bomb.length < 1000);
  assert.equal(await statusOf(client.post(bomb)), 422);
  const { hostname, port } = new URL(client.url);
  const slow = connect(Number(port), hostname);
  slow.write(
    `POST /v1/predictions HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/zip\r\nContent-Length: 1000\r\n\r\nPK`,
  );
  const [answer] = (await once(slow, "data")) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 408 /);
  slow.destroy();
  assert.deepEqual(readdirSync(join(data, "uploads")), []);
});

test("two hundred hostile uploads: each has an answer below 500, and the server goes on", async () => {
  const { client, data, server } = await started(trained, { queue: 300, rate: 100_000 });
  const whole = readFileSync(trained.scan);
  const random = new Random(1);
  const bytes = (length: number) =>
    Buffer.from(Array.from({ length }, () => Math.floor(random.uniform() * 256)));
  const makers = [
    () => bytes(Math.floor(random.uniform() * 2000)),
    () => whole.subarray(0, Math.floor(random.uniform() * whole.length)),
    () => Buffer.concat([Buffer.from("PK\x03\x04"), bytes(200)]),
    () => Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), bytes(300)]),
    () => {
      const copy = Buffer.from(whole);
      for (let k = 0; k < 20; k++)
        copy[Math.floor(random.uniform() * copy.length)] = Math.floor(random.uniform() * 256);
      return copy;
    },
  ];
  const [worker] = server.workers;
  const ids: string[] = [];
  for (let k = 0; k < 200; k++) {
    const response = await client.post(makers[k % makers.length]!());
    assert.ok(response.status < 500, `${response.status}: ${await response.clone().text()}`);
    if (response.status === 202) ids.push(await accepted(response));
  }
  for (const id of ids) assert.ok(["done", "failed"].includes((await client.ended(id)).state));
  assert.deepEqual(server.workers, [worker], "no upload ended the worker");
  assert.equal((await client.predicted(trained.scan)).state, "done");
  assert.deepEqual(readdirSync(join(data, "uploads")), []);
});

test("results are deleted once they have been kept as long as was asked", async () => {
  const data = join(trained.folder, "expiring");
  const { client, server } = await started(trained, { data, keep: 5000 });
  const { id } = await client.predicted(trained.scan);
  await server.close();
  using predictions = new Predictions(data, { queue: 1, keep: 5000 });
  assert.deepEqual(predictions.expire(Date.now() - 5000), []);
  assert.deepEqual(predictions.expire(Date.now() + 5000), [{ id, who: "local", model: "small" }]);
  assert.ok(!existsSync(join(data, "predictions", id)));
  assert.throws(() => predictions.of(id, "local"), { name: "Problem" });
});

const DEFLATE =
  "import sys, zipfile; zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED).write(sys.argv[2], 'zeros')";
