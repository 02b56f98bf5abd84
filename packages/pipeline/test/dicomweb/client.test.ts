/** The client against a server of the test that misbehaves: what each failure is called, and what is never sent or shown. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parseAddress, withoutLogin } from "../../src/dicomweb/address.js";
import { DicomWebClient } from "../../src/dicomweb/client.js";
import { downloadStudy } from "../../src/dicomweb/download.js";
import { DicomWebError, type DicomWebFault } from "../../src/dicomweb/errors.js";
import { TOKEN } from "../../src/dicomweb/request.js";
import { onNotice } from "../../src/engine/notices.js";
import { temporaryFolder } from "../data/temporary.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(
  t: TestContext,
  answer: Answer,
): Promise<{ root: string; port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((incoming, response) => {
    seen.push(incoming);
    answer(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { root: `http://127.0.0.1:${port}/dicom-web`, port, seen };
}

const MULTIPART = { "content-type": 'multipart/related; type="application/dicom"; boundary="b"' };
const body = (contents: readonly string[]) =>
  `${contents.map((one) => `--b\r\nContent-Type: application/dicom\r\n\r\n${one}\r\n`).join("")}--b--\r\n`;
const series = (instances: number, modality = "CT") => ({
  "0020000E": { vr: "UI", Value: ["1.2.3"] },
  "00080060": { vr: "CS", Value: [modality] },
  "00201209": { vr: "IS", Value: [instances] },
});
const json = (response: ServerResponse, value: unknown) =>
  response.writeHead(200, { "content-type": "application/dicom+json" }).end(JSON.stringify(value));
const leftOvers = () => readdirSync(tmpdir()).filter((name) => name.startsWith("slicestack-dicomweb-"));

async function fails(
  attempt: Promise<unknown>,
  fault: DicomWebFault,
  message: RegExp,
  status: number | null = null,
) {
  await assert.rejects(attempt, (error) => {
    assert.ok(error instanceof DicomWebError, String(error));
    assert.equal(error.fault, fault, error.message);
    assert.match(error.message, message);
    assert.equal(error.status, status);
    return true;
  });
}

test("the status of an answer becomes a fault with a remedy, and a redirect is not followed with the credentials", async (t) => {
  for (const [code, fault, message] of [
    [401, "unauthorised", /answered 401 Unauthorized\. Set SLICESTACK_DICOMWEB_TOKEN to a bearer token/],
    [403, "unauthorised", /answered 403/],
    [404, "not-found", /no such study or series/],
    [400, "refused", /may not be that of a DICOMweb service/],
    [307, "refused", /answered 307 Temporary Redirect, a redirect to http:\/\/elsewhere\.example/],
    [503, "server", /Try again later/],
  ] as const) {
    const { root, seen } = await serve(t, (_, response) =>
      response.writeHead(code, { location: "http://elsewhere.example/" }).end("no"),
    );
    await fails(new DicomWebClient(root, { env: {} }).series("1.2"), fault, message, code);
    assert.equal(seen.length, 1);
  }
  const { root } = await serve(t, (_, response) => response.writeHead(401).end());
  await fails(
    new DicomWebClient(root, { token: "t" }).studies(),
    "unauthorised",
    /wrong or has expired/,
    401,
  );
});

test("a token of the environment, or a login of the address, is sent; a password is never shown", async (t) => {
  const { root, seen } = await serve(t, (_, response) => response.writeHead(404).end());
  const login = root.replace("://", "://me:p%40ss@");
  await fails(
    downloadStudy(`${login}/studies/1.2`, { env: { [TOKEN]: "abc" } }),
    "not-found",
    /^http:\/\/127/,
    404,
  );
  await fails(downloadStudy(`${login}/studies/1.2`, { env: {} }), "not-found", /studies/, 404);
  assert.deepEqual(
    seen.map(({ headers }) => headers.authorization),
    ["Bearer abc", `Basic ${Buffer.from("me:p@ss").toString("base64")}`],
  );
  await assert.rejects(
    downloadStudy(`${login}/studies/1.2`, { env: {} }),
    (error) => !String(error).includes("p%40ss"),
  );
  await fails(
    downloadStudy(`${root}/studies/1.2`, { env: { [TOKEN]: "a\nb" } }),
    "unauthorised",
    /cannot hold/,
  );
  for (const [text, message] of [
    [`${login}/patients/1.2`, /^http:\/\/127[^@]*: does not name a study\. Expected https:\/\/HOST/],
    [`${root}/studies/1.2?x=1`, /has a query/],
    [`${root}/studies/${"1".repeat(65)}`, /more than 64/],
  ] as const)
    await fails(downloadStudy(text), "address", message);
  assert.deepEqual(parseAddress("https://h/a/b/studies/1.2/series/3.4/").place, {
    study: "1.2",
    series: "3.4",
  });
  assert.equal(withoutLogin("https://me:sec@ret@h/studies/1.2"), "https://h/studies/1.2");
  assert.throws(() => parseAddress("https://me:%zz@h/studies/1.2"), { name: "DicomWebError" });
});

test("credentials over http to another machine give a notice", async (t) => {
  const notices: string[] = [];
  onNotice((text) => notices.push(text));
  t.after(() => onNotice(null));
  const client = new DicomWebClient("http://pacs.invalid/dicom-web", { token: "t", env: {} });
  await fails(client.series("1.2"), "unreachable", /pacs\.invalid/);
  assert.match(notices.join(), /credentials for pacs\.invalid are sent without encryption/);
});

test("a server that is silent, before its answer and in the middle of one, is given up", async (t) => {
  const silent = await serve(t, () => undefined);
  await fails(
    new DicomWebClient(silent.root, { patience: 50 }).series("1.2"),
    "timeout",
    /no data was received for 0\.05 s/,
  );
  const half = await serve(
    t,
    (_, response) => void response.writeHead(200, MULTIPART).write("--b\r\n\r\nabc"),
  );
  const before = leftOvers();
  await fails(downloadStudy(`${half.root}/studies/1.2/series/3`, { patience: 50 }), "timeout", /no data/);
  assert.deepEqual(leftOvers(), before, "nothing is left on disk");
});

test("a body that ends early is refused: the connection is lost, or the last boundary is missing", async (t) => {
  const lost = await serve(t, (incoming, response) => {
    response.writeHead(200, { ...MULTIPART, "content-length": "1000" });
    response.write("--b\r\n\r\nabc", () => setTimeout(() => incoming.socket.destroy(), 20));
  });
  const before = leftOvers();
  await fails(downloadStudy(`${lost.root}/studies/1.2/series/3`), "truncated", /connection was lost/);
  const short = await serve(t, (_, response) => response.writeHead(200, MULTIPART).end("--b\r\n\r\nabc"));
  await fails(
    downloadStudy(`${short.root}/studies/1.2/series/3`),
    "truncated",
    /ended after \d+ bytes, in part 1/,
  );
  assert.deepEqual(leftOvers(), before);
});

test("limits: too many objects by the search, by what arrives, and too many bytes", async (t) => {
  const { root } = await serve(t, (incoming, response) =>
    incoming.url!.includes("/series?")
      ? json(response, [series(5)])
      : response.writeHead(200, MULTIPART).end(body(["abc", "def"])),
  );
  const at = `${root}/studies/1.2`;
  await fails(downloadStudy(at, { maxObjects: 4 }), "too-large", /has 5 objects; at most 4/);
  await fails(downloadStudy(`${at}/series/1`, { maxObjects: 1 }), "too-large", /has 2 objects/);
  await fails(downloadStudy(at, { maxBytes: 5 }), "too-large", /Name one of its series/);
  using study = await downloadStudy(at, { maxBytes: 6, maxObjects: 5 });
  assert.equal(study.objects, 2);
  assert.deepEqual(readdirSync(study.folder), ["000001.dcm", "000002.dcm"]);
});

test("documents of a study are not fetched; a server that cannot search is asked for the whole study", async (t) => {
  const asked: string[] = [];
  const answer =
    (searches: boolean): Answer =>
    (incoming, response) => {
      asked.push(incoming.url!.replace(/\?.*/, ""));
      if (!incoming.url!.includes("/series?")) return response.writeHead(200, MULTIPART).end(body(["x"]));
      if (!searches) return response.writeHead(501).end();
      const other = { ...series(1, "SR"), "0020000E": { vr: "UI", Value: ["9.9"] } };
      return json(response, [series(1), other]);
    };
  const { root } = await serve(t, answer(true));
  using found = await downloadStudy(`${root}/studies/1.2`);
  assert.deepEqual(
    found.setAside.map((one) => [one.series.series, one.reason]),
    [["9.9", "its modality SR holds no volume, so that it was not fetched"]],
  );
  const other = await serve(t, answer(false));
  using whole = await downloadStudy(`${other.root}/studies/1.2`);
  assert.equal(whole.objects, 1);
  const paths = ["/series", "/series/1.2.3", "/series", ""].map((end) => `/dicom-web/studies/1.2${end}`);
  assert.deepEqual(asked, paths);
});

test("what is not DICOMweb is named: a page, broken JSON, no UID, an empty answer", async (t) => {
  const page = await serve(t, (_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<p>"),
  );
  await fails(downloadStudy(`${page.root}/studies/1.2`), "invalid", /not DICOM JSON/);
  await fails(downloadStudy(`${page.root}/studies/1.2/series/3`), "invalid", /received text\/html/);
  const nameless = await serve(t, (_, response) =>
    json(response, [{ "0020000E": { vr: "UI", Value: ["../../x"] } }]),
  );
  await fails(downloadStudy(`${nameless.root}/studies/1.2`), "invalid", /no valid UID \(0020000E\)/);
  const empty = await serve(t, (_, response) => response.writeHead(204).end());
  await fails(downloadStudy(`${empty.root}/studies/1.2`), "not-found", /no such study/);
  await fails(downloadStudy(`${empty.root}/studies/1.2/series/3`), "not-found", /nothing there/);
});

test("requests go through the proxy of the environment, bodies of a POST too", async (t) => {
  const { root, seen } = await serve(t, (incoming, response) => {
    const parts: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => parts.push(piece));
    incoming.on("end", () => {
      if (incoming.method === "GET") return json(response, [series(1)]);
      const name = /instance (\S+)/.exec(Buffer.concat(parts).toString())![1]!;
      return json(response, {
        "00081199": { vr: "SQ", Value: [{ "00081155": { vr: "UI", Value: [name] } }] },
      });
    });
  });
  let relayed = 0;
  const proxy = createServer((incoming, outgoing) => {
    relayed++;
    const { method, headers } = incoming;
    const onward = request(incoming.url!, { method: method!, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => void proxy.close());
  const env = { HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const client = new DicomWebClient(root, { env });
  const file = join(temporaryFolder(t), "a.dcm");
  writeFileSync(file, "instance 1.2.7 ");
  assert.equal((await client.series("1.2"))[0]!.instances, 1);
  assert.deepEqual(await client.store([file]), { stored: ["1.2.7"], failed: [] });
  assert.equal(relayed, 2);
  assert.deepEqual(
    seen.map(({ method }) => method),
    ["GET", "POST"],
  );
  assert.ok(existsSync(file));
});
