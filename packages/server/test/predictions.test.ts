/** Uploads in, predictions out, as a client sees it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Predictor, scanResultSchema, type ScanResult } from "@slicestack/pipeline";
import type { Prediction, ServedModel, Server } from "../src/index.js";
import { writeCt } from "./archive.js";
import { problemIn, scratch, started, trainedModel, type Client, type Trained } from "./support.js";

let trained: Trained;
let server: Server;
let client: Client;
let data = "";
let lines: string[] = [];
let expected: ScanResult;

before(async () => {
  trained = await trainedModel(scratch());
  ({ server, client, data, lines } = await started(trained));
  using model = await Predictor.open(trained.run, { threads: 1 });
  expected = (await model.predict(trained.scan))[0]!;
});

test("an upload becomes a prediction with the probabilities of the API in TypeScript", async () => {
  const response = await client.post(trained.scan);
  assert.equal(response.status, 202);
  const accepted = (await response.json()) as Prediction;
  assert.equal(response.headers.get("location"), `/v1/predictions/${accepted.id}`);
  assert.ok(["queued", "running"].includes(accepted.state));
  const { state, results, unreadable, links, expires } = await client.ended(accepted.id);
  assert.equal(state, "done");
  assert.deepEqual(unreadable, []);
  const [result] = results!;
  scanResultSchema.parse(result);
  assert.deepEqual(result!.probabilities, expected.probabilities);
  assert.deepEqual(
    [result!.set, result!.decision, result!.sha256],
    [expected.set, expected.decision, expected.sha256],
  );
  assert.equal(result!.source, "00000.nii.gz", "no path of the server");
  assert.ok(Date.parse(expires!) > Date.now());
  assert.deepEqual(await client.get(links["result"]!), results);
});

test("Prefer: wait answers with the result; the same by a form, by DICOM's type and with the model's name", async () => {
  const waited = await client.post(trained.scan, "", { prefer: "wait=60" });
  assert.equal(waited.status, 200);
  assert.equal(waited.headers.get("preference-applied"), "wait=60");
  const form = new FormData();
  form.append("file", new Blob([readFileSync(trained.scan)]), "../../Mueller^Hans.nii.gz");
  const byForm = await client.send("POST", "/v1/predictions?model=small", form, { prefer: "wait=60" });
  for (const response of [waited, byForm]) {
    const { results } = (await response.json()) as Prediction;
    assert.deepEqual(results![0]!.probabilities, expected.probabilities);
  }
});

test("maps come as NIfTI in the space of the scan", async () => {
  const { links, results } = await client.predicted(trained.scan, "?maps=gradcam,ig");
  const maps = Object.entries(links).filter(([name]) => name.startsWith("map/"));
  assert.deepEqual(maps.map(([name]) => name).sort(), results![0]!.maps.map((name) => `map/${name}`).sort());
  assert.equal(maps.length, 2);
  for (const [, link] of maps) {
    const response = await client.send("GET", link);
    const bytes = gunzipSync(Buffer.from(await response.arrayBuffer()));
    assert.deepEqual([bytes.readInt16LE(42), bytes.readInt16LE(44)], expected.scan.shape.slice(0, 2));
  }
  assert.equal((await client.send("GET", `${links["self"]}/maps/2`)).status, 404);
});

test("DICOM objects of a DICOM scan: each by its address, and all as a zip; a scan of another format has none", async () => {
  const files = writeCt(join(trained.folder, "ct"), {
    study: "1.2.9",
    series: "1.2.9.1",
    slices: 8,
    size: 48,
  });
  const form = new FormData();
  for (const file of files) form.append("file", new Blob([readFileSync(file)]));
  const response = await client.send("POST", "/v1/predictions?dicom=true", form, { prefer: "wait=60" });
  const { objects, links, withoutObjects } = (await response.json()) as Prediction;
  assert.deepEqual(withoutObjects, []);
  assert.deepEqual(objects!.map(({ kind }) => kind).sort(), [
    ...Array.from({ length: 8 }, () => "heat-map"),
    "report",
  ]);
  for (const { link, instance } of objects!) {
    const answer = await client.send("GET", link);
    assert.equal(answer.headers.get("content-type"), "application/dicom");
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.equal(bytes.toString("latin1", 128, 132), "DICM");
    assert.ok(bytes.includes(instance), "the object has the UID that is listed");
  }
  const zip = await client.send("GET", links["dicom"]!);
  assert.equal(zip.headers.get("content-type"), "application/zip");
  const archive = Buffer.from(await zip.arrayBuffer());
  assert.equal(archive.readUInt16LE(archive.length - 12), 9, "files of the archive");
  assert.equal((await client.send("GET", `${links["dicom"]}/9`)).status, 404);
  const plain = await client.predicted(trained.scan, "?dicom=true");
  assert.deepEqual(plain.objects, []);
  assert.match(plain.withoutObjects![0]!.reason, /not DICOM/);
  assert.equal((await client.send("GET", `${plain.links["self"]}/dicom`)).status, 404);
});

test("events tell each state until the end", async () => {
  const accepted = (await (await client.post(trained.scan)).json()) as Prediction;
  const response = await client.send("GET", accepted.links["events"]!);
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  const text = await response.text();
  const states = [...text.matchAll(/^event: (\w+)$/gm)].map(([, state]) => state);
  assert.equal(states.at(-1), "done");
  const last = /^data: (.*)$/m.exec(text.trim().split("\n\n").at(-1)!)![1]!;
  assert.deepEqual((JSON.parse(last) as Prediction).results![0]!.probabilities, expected.probabilities);
});

test("a repeated Idempotency-Key makes no second prediction, and is refused for another request", async () => {
  const key = { "idempotency-key": "order 17" };
  const first = (await (await client.post(trained.scan, "", key)).json()) as Prediction;
  const again = (await (await client.post(trained.scan, "", key)).json()) as Prediction;
  assert.equal(again.id, first.id);
  const other = await client.post(trained.scan, "?maps=ig", key);
  assert.equal(other.status, 422);
  assert.equal((await problemIn(other)).type, "urn:slicestack:problem:key-reused");
  await client.ended(first.id);
  assert.deepEqual(readdirSync(join(data, "uploads")), [], "what was received twice is gone");
});

test("DELETE removes everything of a prediction, also of one that runs", async () => {
  const { id } = await client.predicted(trained.scan);
  const folder = join(data, "predictions", id);
  assert.ok(existsSync(folder));
  assert.equal((await client.send("DELETE", `/v1/predictions/${id}`)).status, 204);
  assert.ok(!existsSync(folder));
  assert.equal((await client.send("GET", `/v1/predictions/${id}`)).status, 404);
  const running = (await (await client.post(trained.scan, "?maps=ig")).json()) as Prediction;
  assert.equal((await client.send("DELETE", running.links["self"]!)).status, 204);
  assert.ok(!existsSync(join(data, "predictions", running.id)));
  assert.equal((await client.predicted(trained.scan)).state, "done", "the worker goes on");
});

test("what cannot be read is said, and the rest is predicted; nothing usable is no failure of the server", async () => {
  const { state, results, unreadable } = await client.predicted(Buffer.from("no scan at all"));
  assert.deepEqual([state, results], ["done", []]);
  assert.equal(unreadable!.length, 1);
  assert.doesNotMatch(JSON.stringify(unreadable), /served|tmp/, "no path of the server");
});

const refusals: [string, number, string, () => Promise<Response>][] = [
  ["an unknown model", 404, "not-found", () => client.post(trained.scan, "?model=other")],
  ["an option that does not exist", 400, "invalid-request", () => client.post(trained.scan, "?maks=ig")],
  ["maps that do not exist", 400, "invalid-request", () => client.post(trained.scan, "?maps=lime")],
  [
    "another type",
    415,
    "unsupported-media-type",
    () => client.post(trained.scan, "", { "content-type": "text/html" }),
  ],
  ["a damaged archive", 422, "unusable-upload", () => client.post(Buffer.from("PK\x03\x04 and no more"))],
  [
    "a form with a field",
    400,
    "invalid-request",
    () => client.send("POST", "/v1/predictions", formWithField()),
  ],
  [
    "a form that ends early",
    400,
    "invalid-request",
    () => client.send("POST", "/v1/predictions", HALF, HALF_TYPE),
  ],
  ["no body", 400, "invalid-request", () => client.send("POST", "/v1/predictions")],
  [
    "an id that is a path",
    404,
    "not-found",
    () => client.send("GET", "/v1/predictions/..%2F..%2Fqueue.sqlite"),
  ],
  ["an address that does not exist", 404, "not-found", () => client.send("GET", "/v2")],
];
for (const [what, status, kind, send] of refusals)
  test(`${what} is a problem with status ${status}`, async () => {
    const response = await send();
    assert.equal(response.status, status, await response.clone().text());
    assert.match(response.headers.get("content-type")!, /^application\/problem\+json/);
    const { type, title, detail } = await problemIn(response);
    assert.equal(type, `urn:slicestack:problem:${kind}`);
    assert.ok(title.length > 0 && detail.length > 0);
    assert.deepEqual(readdirSync(join(data, "uploads")), []);
  });

const HALF = "--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc";
const HALF_TYPE = { "content-type": "multipart/form-data; boundary=x" };

function formWithField(): FormData {
  const form = new FormData();
  form.append("model", "small");
  return form;
}

test("the models with their cards; the document and its page; metrics; health", async () => {
  const [model] = await client.get<ServedModel[]>("/v1/models");
  assert.deepEqual([model!.name, model!.method, model!.classes], ["small", "2.5d", ["CT-0", "CT-1"]]);
  assert.equal(model!.sha256, expected.model.sha256);
  assert.match(model!.card!, /^# /);
  const { openapi, paths } = await client.get<{ openapi: string; paths: object }>("/docs/json");
  assert.equal(openapi, "3.1.0");
  assert.ok("/v1/predictions" in paths);
  assert.equal((await client.send("GET", "/docs")).status, 200);
  await client.predicted(trained.scan);
  const metrics = await (await client.send("GET", "/metrics")).text();
  for (const line of [
    /^slicestack_predictions_total\{model="small",state="done"\} [1-9]/m,
    /^slicestack_stage_seconds_count\{model="small",stage="queue"\} [1-9]/m,
    /^slicestack_stage_seconds_count\{model="small",stage="predict"\} [1-9]/m,
    /^slicestack_http_request_seconds_count\{method="POST",route="\/v1\/predictions",status="200"\} [1-9]/m,
    /^slicestack_workers_alive 1$/m,
    /^slicestack_worker_memory_bytes [1-9]/m,
  ])
    assert.match(metrics, line);
  assert.deepEqual(await client.get("/health/ready"), { status: "ok", reasons: [] });
  assert.equal(server.workers.length, 1);
});

test("log and audit log hold no name of a file and no id of a scan", async () => {
  const form = new FormData();
  form.append("file", new Blob([readFileSync(trained.scan)]), "Mueller^Hans.nii.gz");
  await client.send("POST", "/v1/predictions", form, { prefer: "wait=60" });
  const audit = readFileSync(join(data, "audit.jsonl"), "utf8");
  for (const text of [lines.join(""), audit]) assert.doesNotMatch(text, /Mueller|00000|\.nii/);
  const rows = audit
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const done = rows.filter(({ action }) => action === "done").at(-1)!;
  assert.equal(done["modelSha256"], expected.model.sha256);
  assert.match((done["scans"] as string[])[0]!, /^[0-9a-f]{64}$/);
});
