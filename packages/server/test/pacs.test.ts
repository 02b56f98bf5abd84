/** A real Orthanc: its studies are fetched and predicted, and the results are stored there, whatever fails in between. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Delivery, Pacs, Prediction } from "../src/index.js";
import { Orthanc, skipOrthanc, writeCt, type CtSeries } from "./archive.js";
import { problemIn, scratch, started, trainedModel, type Client, type Trained } from "./support.js";

const skip = skipOrthanc;
const study = "1.2.826.0.1.7";
const chest: CtSeries = { study, series: `${study}.1`, slices: 12, size: 48 };
const JSON_TYPE = { "content-type": "application/json" };

let trained: Trained;
let orthanc: Orthanc;
let client: Client;
let data = "";
let file = "";
let lines: string[] = [];
/** An archive that does not answer. */
let offline = "";

before(async () => {
  if (skip !== false) return;
  trained = await trainedModel(scratch());
  orthanc = await Orthanc.start(join(trained.folder, "orthanc"));
  for (const one of writeCt(join(trained.folder, "chest"), chest)) await orthanc.store(one);
  process.env["ORTHANC_LOGIN"] = orthanc.credentials;
  process.env["WRONG_LOGIN"] = "tester:guessed";
  offline = `http://127.0.0.1:${await closedPort()}/dicom-web`;
  file = join(trained.folder, "pacs.yaml");
  writeFileSync(
    file,
    [
      `orthanc: {url: ${orthanc.root}, login: ORTHANC_LOGIN}`,
      `offline: {url: "${offline}"}`,
      `locked: {url: ${orthanc.root}, login: WRONG_LOGIN}`,
      `archive: {url: ${orthanc.root}, login: ORTHANC_LOGIN, pull: false}`,
    ].join("\n"),
  );
  ({ client, data, lines } = await started(trained, { pacs: file, pacsBackOff: 200 }));
});
after(async () => {
  if (skip === false) await orthanc[Symbol.asyncDispose]();
});

const ask = (body: object, query = "", headers: Record<string, string> = {}): Promise<Response> =>
  client.send("POST", `/v1/predictions${query}`, JSON.stringify(body), { ...JSON_TYPE, ...headers });

const seriesOf = async (modality: string) =>
  (
    await orthanc.get<{ MainDicomTags: Record<string, string>; Instances: string[] }[]>("/series?expand")
  ).filter(({ MainDicomTags }) => MainDicomTags["Modality"] === modality);

async function delivered(id: string, to: string, isIt = ({ state }: Delivery) => state === "delivered") {
  for (let k = 0; k < 600; k++) {
    const { deliveries } = await client.get<Prediction>(`/v1/predictions/${id}`);
    const delivery = deliveries.find((one) => one.to === to);
    if (delivery !== undefined && isIt(delivery)) return delivery;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no such delivery: ${JSON.stringify(await client.get(`/v1/predictions/${id}`))}`);
}

test("the archives are listed without their addresses", { skip }, async () => {
  assert.deepEqual(await client.get<Pacs[]>("/v1/pacs"), [
    { name: "orthanc", pull: true, push: true },
    { name: "offline", pull: true, push: true },
    { name: "locked", pull: true, push: true },
    { name: "archive", pull: false, push: true },
  ]);
});

test(
  "a study is fetched, predicted as its files are, and its report and heat-map are stored in it; one that is offline waits alone",
  { skip },
  async () => {
    const answer = await ask({ pacs: "orthanc", study }, "?sendTo=offline,orthanc", { prefer: "wait=60" });
    assert.equal(answer.status, 200);
    const prediction = (await answer.json()) as Prediction;
    const [result] = prediction.results!;
    assert.equal(result!.id, chest.series);
    const uploaded = new FormData();
    for (const name of readdirSync(join(trained.folder, "chest")))
      uploaded.append("file", new Blob([readFileSync(join(trained.folder, "chest", name))]));
    const byUpload = await client.send("POST", "/v1/predictions", uploaded, { prefer: "wait=60" });
    const expected = ((await byUpload.json()) as Prediction).results![0]!;
    assert.deepEqual(result!.probabilities, expected.probabilities);
    const { stored, objects } = await delivered(prediction.id, "orthanc");
    assert.deepEqual([stored, objects], [13, 13]);
    const [report] = await seriesOf("SR");
    const [maps] = await seriesOf("OT");
    assert.deepEqual([report!.Instances.length, maps!.Instances.length], [1, 12]);
    const waiting = await delivered(prediction.id, "offline", ({ next }) => next !== null);
    assert.equal(waiting.state, "waiting");
    assert.match(waiting.problem!, /^The archive cannot be reached/);
    assert.doesNotMatch(waiting.problem!, /dicom-web|127\.0\.0\.1/, "clients do not see its address");
    assert.match(lines.join(""), /"pacs":"offline","fault":"unreachable","reason":".*ECONNREFUSED/);
    // What Orthanc has is what the server gives out.
    const bytes = await orthanc.bytes(`/instances/${report!.Instances[0]}/file`);
    const link = prediction.objects!.find(({ kind }) => kind === "report")!.link;
    const given = Buffer.from(await (await client.send("GET", link)).arrayBuffer());
    assert.equal(sha256(bytes), sha256(given));
    const actions = readFileSync(join(data, "audit.jsonl"), "utf8");
    assert.match(actions, /"action":"fetch".*"pacs":"orthanc"/);
    assert.match(actions, /"action":"deliver".*"pacs":"orthanc"/);
    assert.doesNotMatch(
      actions + lines.join(""),
      new RegExp(study.replaceAll(".", "\\.")),
      "no UID in the logs",
    );
  },
);

test("the same study again makes the same objects, so that the archive has each once", { skip }, async () => {
  const answer = await ask({ pacs: "orthanc", study, series: chest.series }, "?sendTo=archive", {
    prefer: "wait=60",
  });
  const { id } = (await answer.json()) as Prediction;
  await delivered(id, "archive");
  assert.equal((await seriesOf("SR")).length, 1);
  const [maps, ...others] = await seriesOf("OT");
  assert.deepEqual([maps!.Instances.length, others.length], [12, 0]);
});

test("results that come back are no scans: nothing is predicted or sent", { skip }, async () => {
  const [maps] = await seriesOf("OT");
  const series = maps!.MainDicomTags["SeriesInstanceUID"]!;
  const answer = await ask({ pacs: "orthanc", study, series }, "?sendTo=orthanc", { prefer: "wait=60" });
  const { state, results, deliveries } = (await answer.json()) as Prediction;
  assert.deepEqual([state, results, deliveries], ["done", [], []]);
});

test(
  "a study that is not there, and a wrong password, are problems of the prediction",
  { skip },
  async () => {
    for (const [body, detail] of [
      [{ pacs: "orthanc", study: "9.9.9" }, /no such study/],
      [{ pacs: "locked", study }, /401/],
    ] as const) {
      const { state, problem } = (await (await ask(body, "", { prefer: "wait=60" })).json()) as Prediction;
      assert.equal(state, "failed");
      assert.equal(problem!.type, "urn:slicestack:problem:not-fetched");
      assert.match(problem!.detail, detail);
      assert.doesNotMatch(JSON.stringify(problem), /127\.0\.0\.1|guessed/);
    }
  },
);

test("what a client may not ask for is refused at once", { skip }, async () => {
  const refused = async (response: Response) => [response.status, (await problemIn(response)).detail];
  for (const [body, detail] of [
    [{ pacs: "nowhere", study }, /no PACS of that name to fetch/],
    [{ pacs: "archive", study }, /no PACS of that name to fetch/],
    [{ pacs: "orthanc", study: "../../x" }, /study/],
    [{ pacs: "orthanc", study, url: offline }, /url/],
  ] as const) {
    const [status, text] = await refused(await ask(body));
    assert.equal(status, 400);
    assert.match(String(text), detail);
  }
  assert.equal((await ask({ pacs: "orthanc", study }, "?sendTo=nowhere")).status, 400);
  const { id } = (await (
    await ask({ pacs: "orthanc", study }, "", { prefer: "wait=60" })
  ).json()) as Prediction;
  const without = await client.send(
    "POST",
    `/v1/predictions/${id}/deliveries`,
    '{"to":"orthanc"}',
    JSON_TYPE,
  );
  assert.equal(without.status, 404);
  const noJson = await client.send("POST", `/v1/predictions/${id}/deliveries`, "{", JSON_TYPE);
  assert.deepEqual([noJson.status, (await problemIn(noJson)).detail], [400, "The body is not JSON"]);
});

test("a key makes one prediction of a study; DELETE ends what is still to be sent", { skip }, async () => {
  const key = { "idempotency-key": "series 7" };
  const body = { pacs: "offline", study };
  const [first, again] = [await ask(body, "", key), await ask(body, "", key)];
  const [{ id }, same] = [(await first.json()) as Prediction, (await again.json()) as Prediction];
  assert.equal(same.id, id);
  assert.equal((await ask({ pacs: "orthanc", study }, "", key)).status, 422);
  const { state, progress } = await client.get<Prediction>(`/v1/predictions/${id}`);
  assert.deepEqual([state, progress], ["queued", null]);
  assert.equal((await client.send("DELETE", `/v1/predictions/${id}`)).status, 204);
  assert.ok(!existsSync(join(data, "predictions", id)));
});

test(
  "what an archive refuses is tried a few times, object by object; after a restart the rest is sent",
  { skip },
  async () => {
    const bodies: string[] = [];
    const archive = await fakeArchive(bodies);
    const { port } = archive.address() as AddressInfo;
    const other = join(trained.folder, "fake.yaml");
    const settings = { pacs: other, pacsBackOff: 1000 };
    writeFileSync(
      other,
      `fake: {url: "http://127.0.0.1:${port}/dicom-web"}\northanc: {url: ${orthanc.root}, login: ORTHANC_LOGIN}`,
    );
    const folder = join(trained.folder, "restarted");
    const begun = await started(trained, { ...settings, data: folder });
    const sent = await begun.client.send(
      "POST",
      "/v1/predictions?sendTo=fake",
      JSON.stringify({ pacs: "orthanc", study }),
      { ...JSON_TYPE, prefer: "wait=60" },
    );
    const { id, objects } = (await sent.json()) as Prediction;
    client = begun.client;
    await delivered(id, "fake", ({ stored }) => stored === 12);
    await begun.server.close();
    answers = "all";
    const again = await started(trained, { ...settings, data: folder });
    client = again.client;
    const { stored } = await delivered(id, "fake");
    assert.equal(stored, 13);
    const counts = objects!.map(({ instance }) => bodies.filter((body) => body.includes(instance)).length);
    assert.ok(counts[0]! > 1, "the refused one was sent again");
    assert.deepEqual(counts.slice(1), new Array(12).fill(1), "the others were not");
    archive.close();
  },
);

test(
  "an archive that takes nothing is given up, also after a restart, until a client asks again; what it has counts as stored",
  { skip },
  async () => {
    const bodies: string[] = [];
    answers = "none";
    const archive = await fakeArchive(bodies);
    const { port } = archive.address() as AddressInfo;
    const other = join(trained.folder, "refusing.yaml");
    const fake = `fake: {url: "http://127.0.0.1:${port}/dicom-web"`;
    const source = `orthanc: {url: ${orthanc.root}, login: ORTHANC_LOGIN}`;
    writeFileSync(other, `${fake}}\n${source}`);
    const settings = { pacs: other, pacsBackOff: 1, data: join(trained.folder, "refused") };
    const begun = await started(trained, settings);
    client = begun.client;
    const { id } = (await (
      await ask({ pacs: "orthanc", study }, "?sendTo=fake", { prefer: "wait=60" })
    ).json()) as Prediction;
    const failed = await delivered(id, "fake", ({ state }) => state === "failed");
    assert.deepEqual([failed.stored, bodies.length], [0, 6]);
    assert.match(failed.problem!, /^13 objects were not stored \(reason 272\)$/);
    await begun.server.close();
    const again = await started(trained, settings);
    client = again.client;
    const [kept] = (await client.get<Prediction>(`/v1/predictions/${id}`)).deliveries;
    assert.equal(kept!.state, "failed");
    const send = () => client.send("POST", `/v1/predictions/${id}/deliveries`, '{"to":"fake"}', JSON_TYPE);
    // Without permission to push, what waits is not sent; with it, it is.
    archive.closeAllConnections();
    writeFileSync(other, `${fake}, push: false}\n${source}`);
    await again.server.reload();
    assert.equal((await send()).status, 400);
    assert.equal(bodies.length, 6);
    answers = "duplicates";
    writeFileSync(other, `${fake}}\n${source}`);
    await again.server.reload();
    assert.ok((await send()).ok);
    assert.equal((await delivered(id, "fake")).stored, 13);
    archive.close();
  },
);

/** How the STOW-RS service of these tests answers: it refuses the first report, or all objects, or has them all. */
let answers: "no-report" | "all" | "none" | "duplicates" = "no-report";

async function fakeArchive(bodies: string[]): Promise<HttpServer> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (piece: Buffer) => parts.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString("latin1");
      const uids = [...new Set(text.split("--slicestack-").flatMap((part) => metaUid(part)))];
      bodies.push(uids.join(" "));
      const isReport = (uid: string) => text.includes("1.2.840.10008.5.1.4.1.1.88.34") && uid === uids[0];
      const item = (uid: string) => ({ "00081155": { vr: "UI", Value: [uid] } });
      const isRefused = { "no-report": isReport, all: () => false, none: () => true, duplicates: () => true };
      const refused = uids.filter(isRefused[answers]);
      const reason = answers === "duplicates" ? 273 : 272;
      const taken = uids.filter((uid) => !refused.includes(uid));
      response.writeHead(refused.length > 0 ? 202 : 200, { "content-type": "application/dicom+json" });
      response.end(
        JSON.stringify({
          "00081199": { vr: "SQ", Value: taken.map(item) },
          "00081198": {
            vr: "SQ",
            Value: refused.map((uid) => ({ ...item(uid), "00081197": { vr: "US", Value: [reason] } })),
          },
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** MediaStorageSOPInstanceUID of a DICOM file. */
function metaUid(part: string): string[] {
  const at = part.indexOf("\x02\x00\x03\x00UI");
  if (at < 0) return [];
  const length = part.charCodeAt(at + 6) + 256 * part.charCodeAt(at + 7);
  return [part.slice(at + 8, at + 8 + length).replace(/\0$/, "")];
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
