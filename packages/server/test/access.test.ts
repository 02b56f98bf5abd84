/** Who may use the server. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { before, test } from "node:test";
import { serve, type Prediction } from "../src/index.js";
import { problemIn, scratch, started, trainedModel, type Client, type Trained } from "./support.js";

let trained: Trained;
let local: Client;
before(async () => {
  trained = await trainedModel(scratch());
  ({ client: local } = await started(trained));
});

const lineOf = (name: string, token: string) =>
  `${name} ${createHash("sha256").update(token).digest("hex")}\n`;

test("with tokens: none and a wrong one are refused, each sees its own predictions, and a revoked one is refused", async () => {
  const tokens = join(trained.folder, "tokens");
  writeFileSync(tokens, `# the wards\n${lineOf("ward", "one")}${lineOf("lab", "two")}`);
  const { client, server, lines } = await started(trained, { tokens });
  const [ward, lab] = ["one", "two"].map((token) =>
    client.withHeaders({ authorization: `Bearer ${token}` }),
  ) as [Client, Client];
  for (const one of [
    client,
    client.withHeaders({ authorization: "Bearer three" }),
    client.withHeaders({ authorization: "Basic one" }),
  ]) {
    const response = await one.send("GET", "/v1/models");
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
  }
  assert.equal((await client.send("GET", "/health/live")).status, 200);
  assert.equal((await client.send("GET", "/metrics")).status, 401);
  const { id } = await ward.predicted(trained.scan);
  assert.equal((await ward.send("GET", `/v1/predictions/${id}`)).status, 200);
  for (const method of ["GET", "DELETE"])
    assert.equal((await lab.send(method, `/v1/predictions/${id}`)).status, 404);
  writeFileSync(tokens, lineOf("lab", "two"));
  await server.reload();
  assert.equal((await ward.send("GET", "/v1/models")).status, 401);
  assert.equal((await lab.send("GET", "/v1/models")).status, 200);
  writeFileSync(tokens, "lab without a hash\n");
  await assert.rejects(server.reload(), /line 1/);
  assert.equal((await lab.send("GET", "/v1/models")).status, 200, "the tokens stay as they were");
  assert.doesNotMatch(lines.join(""), /Bearer|"one"/);
});

test("an address that others can reach needs tokens; a port in use, a folder without a model, and a wrong name are refused", async () => {
  const models = new Map([["small", trained.run]]);
  const at = (name: string) => join(trained.folder, name);
  await assert.rejects(serve({ models, data: at("a"), host: "0.0.0.0" }), /--tokens/);
  const port = Number(new URL(local.url).port);
  await assert.rejects(serve({ models, data: at("b"), port }), /in use.*--port 0/);
  await assert.rejects(serve({ models: new Map([["small", trained.folder]]), data: at("c") }), {
    name: "PredictionFailedError",
  });
  await assert.rejects(
    serve({ models: new Map([["../x", trained.run]]), data: at("d") }),
    /cannot be the name/,
  );
  await assert.rejects(serve({ models, data: trained.run }), { name: "FolderError" });
});

test("without tokens, pages of other sites are refused: by their origin, and by a name that they made point here", async () => {
  const foreign = await local.send("GET", "/v1/models", undefined, { origin: "https://elsewhere.example" });
  assert.equal(foreign.status, 403);
  assert.equal((await problemIn(foreign)).type, "urn:slicestack:problem:forbidden");
  const { hostname, port } = new URL(local.url);
  const status = await new Promise((resolve, reject) => {
    request(
      { hostname, port, path: "/v1/models", headers: { host: `rebound.example:${port}` } },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    )
      .on("error", reject)
      .end();
  });
  assert.equal(status, 403);
  assert.equal((await local.send("GET", "/v1/models", undefined, { origin: local.url })).status, 200);
});

test("answers carry a strict content security policy and are not framed", async () => {
  const { headers } = await local.send("GET", "/v1/models");
  assert.match(headers.get("content-security-policy")!, /default-src 'none'/);
  assert.equal(headers.get("x-content-type-options"), "nosniff");
});

test("more requests than a client may send are answered with 429 and the time to wait", async () => {
  const { client } = await started(trained, { rate: 3 });
  const statuses: number[] = [];
  let last: Response | null = null;
  for (let k = 0; k < 5; k++) {
    last = await client.send("GET", "/v1/models");
    statuses.push(last.status);
  }
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  assert.ok(Number(last!.headers.get("retry-after")) > 0);
  assert.equal((await problemIn(last!)).type, "urn:slicestack:problem:too-many-requests");
});

test("the queue is bounded: 429 with Retry-After, and what was accepted is done", async () => {
  const { client } = await started(trained, { queue: 2 });
  const answers = await Promise.all(Array.from({ length: 12 }, () => client.post(trained.scan)));
  const refused = answers.filter(({ status }) => status === 429);
  const accepted = answers.filter(({ status }) => status === 202);
  assert.equal(refused.length + accepted.length, 12);
  assert.ok(refused.length > 0);
  for (const one of refused) {
    assert.ok(Number(one.headers.get("retry-after")) > 0);
    assert.equal((await problemIn(one)).type, "urn:slicestack:problem:queue-full");
  }
  for (const one of accepted) {
    const { id } = (await one.json()) as Prediction;
    assert.equal((await client.ended(id)).state, "done");
  }
});
