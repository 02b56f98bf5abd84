/** The page at the root of the server, and what a browser reaches without a token. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { get, type RequestOptions } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { before, test } from "node:test";
import { hostPage, type Prediction } from "../src/index.js";
import { problemIn, scratch, started, trainedModel, type Client, type Trained } from "./support.js";

let trained: Trained;
let page = "";
let client: Client;

before(async () => {
  trained = await trainedModel(scratch());
  page = join(trained.folder, "site");
  mkdirSync(join(page, "assets"), { recursive: true });
  writeFileSync(join(page, "index.html"), "<!doctype html><title>viewer</title>");
  writeFileSync(join(page, "assets", "main-1a2b.js"), "export {};");
  writeFileSync(join(page, "sw.js"), "self.skipWaiting();");
  const tokens = join(trained.folder, "tokens");
  writeFileSync(tokens, `ward ${createHash("sha256").update("one").digest("hex")}\n`);
  ({ client } = await started(trained, { viewer: page, tokens }));
});

test("the page and its files need no token, and may load nothing from elsewhere", async () => {
  const index = await client.send("GET", "/");
  assert.equal(index.status, 200);
  assert.equal(index.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(await index.text(), /<title>viewer/);
  const policy = index.headers.get("content-security-policy")!;
  assert.match(policy, /default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|https?:|\*/);
  assert.equal(index.headers.get("cross-origin-embedder-policy"), "require-corp");
  assert.equal(index.headers.get("cache-control"), "no-cache");
  const script = await client.send("GET", "/assets/main-1a2b.js");
  assert.equal(script.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.match(script.headers.get("cache-control")!, /immutable/);
  assert.equal(await script.text(), "export {};");
  const tag = index.headers.get("etag")!;
  assert.equal((await client.send("GET", "/", undefined, { "if-none-match": tag })).status, 304);
  assert.equal((await client.send("HEAD", "/sw.js")).status, 200);
});

test("no address leads out of the folder of the page, and what is not there needs a token", async () => {
  writeFileSync(join(trained.folder, "secret.txt"), "secret");
  for (const path of [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/",
    "/x",
  ]) {
    const response = await client.send("GET", path);
    assert.ok([401, 404].includes(response.status), `${path}: ${response.status}`);
    assert.doesNotMatch(await response.text(), /secret/);
  }
});

test("a browser opens the description of the API without a token, and no data", async () => {
  assert.equal((await client.send("GET", "/docs")).status, 200);
  const { paths } = await client.get<{ paths: object }>("/docs/json");
  assert.ok("/v1/predictions" in paths);
  assert.ok(!("/" in paths), "the page is no part of the API");
  for (const path of ["/v1/models", "/v1/predictions", "/metrics"])
    assert.equal((await client.send("GET", path)).status, 401);
});

test("the list holds the predictions of a token alone, the newest first, and at most as many as asked for", async () => {
  const ward = client.withHeaders({ authorization: "Bearer one" });
  const ids: string[] = [];
  for (let k = 0; k < 3; k++) ids.unshift((await ward.predicted(trained.scan)).id);
  const list = await ward.get<Prediction[]>("/v1/predictions?limit=2");
  assert.deepEqual(
    list.map(({ id, results }) => [id, results]),
    ids.slice(0, 2).map((id) => [id, null]),
  );
  assert.equal((await ward.send("GET", "/v1/predictions?limit=0")).status, 400);
});

test("without a page, / leads to the description; a folder without index.html is refused", async () => {
  const { client: bare } = await started(trained);
  const response = await fetch(`${bare.url}/`, { redirect: "manual" });
  assert.deepEqual([response.status, response.headers.get("location")], [302, "/docs"]);
  await assert.rejects(started(trained, { viewer: join(page, "assets") }), /has no index\.html/);
  await assert.rejects(started(trained, { viewer: join(page, "nowhere") }), /cannot be read/);
});

test("tokens that are not accepted are limited for each address; an accepted one still is", async () => {
  const wrong = client.withHeaders({ authorization: "Bearer guess" });
  let last = await wrong.send("GET", "/v1/models");
  for (let k = 0; k < 60; k++) last = await wrong.send("GET", "/v1/models");
  assert.equal(last.status, 429);
  assert.ok(Number(last.headers.get("retry-after")) > 0);
  assert.equal((await problemIn(last)).type, "urn:slicestack:problem:too-many-requests");
  const ward = client.withHeaders({ authorization: "Bearer one" });
  assert.equal((await ward.send("GET", "/v1/models")).status, 200);
});

test("an address that cannot be decoded, and what is not HTTP, are problems as well", async () => {
  const text = await raw(client.url, "GET /v1/%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.match(text, /application\/problem\+json[^]*urn:slicestack:problem:invalid-request/);
  const noise = await raw(client.url, "hello\r\n\r\n");
  assert.match(noise, /^HTTP\/1\.1 400 [^]*application\/problem\+json[^]*The request is not HTTP/);
  const long = await raw(client.url, `GET / HTTP/1.1\r\nX: ${"x".repeat(70_000)}\r\n\r\n`);
  assert.match(long, /^HTTP\/1\.1 400 [^]*headers of the request are too long/);
});

/** What a server answers to these bytes. */
function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let text = "";
    socket.on("data", (piece) => (text += piece.toString("latin1")));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
}

test("a page without the API has a secret address, and tells pages of other sites nothing", async () => {
  const files = new Map([["/scans/0/IM1", join(page, "sw.js")]]);
  const hosted = await hostPage({ folder: page, files, port: 0 });
  const statusOf = (url: string, headers: RequestOptions["headers"] = {}) =>
    new Promise<number>((resolve, reject) => {
      get(url, { headers }, (response) => resolve(response.resume().statusCode!)).on("error", reject);
    });
  try {
    const { port } = new URL(hosted.url);
    assert.match(hosted.url, /^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/);
    for (const name of ["", "assets/main-1a2b.js", "scans/0/IM1"]) {
      assert.equal(await statusOf(hosted.url + name), 200);
      assert.equal(await statusOf(`http://127.0.0.1:${port}/${name}`), 404);
      assert.equal(await statusOf(hosted.url + name, { host: `rebound.example:${port}` }), 403);
      assert.equal(await statusOf(hosted.url + name, { origin: "https://site.example" }), 403);
    }
    await assert.rejects(hostPage({ folder: page, port: Number(port) }), /in use/);
  } finally {
    await hosted[Symbol.asyncDispose]();
  }
});
