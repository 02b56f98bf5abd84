/** Downloads from a local server that is slow, breaks the connection, sends wrong data, or does not exist. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Progress } from "../../src/engine/progress.js";
import { download, DownloadError, redirectTarget, type DownloadOptions } from "../../src/run/download.js";
import { temporaryFolder } from "../data/temporary.js";
import { broken, file, serve, status } from "./server.js";

const content = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, k) => (k * 31 + (k >> 8)) % 256));
const sha256 = createHash("sha256").update(content).digest("hex");
const remedy = "Put it there by hand.";
const pinned = (url: string) => ({ url: `${url}/w.pth`, sha256, bytes: content.length });
const quick: DownloadOptions = { remedy, pause: 10, patience: 5000 };

async function fails(url: string, folder: string, message: RegExp, options = quick): Promise<void> {
  await assert.rejects(download(pinned(url), join(folder, "w.pth"), options), (error) => {
    assert.ok(error instanceof DownloadError, String(error));
    assert.ok(error.message.startsWith(`${url}/w.pth could not be downloaded: `), error.message);
    assert.ok(error.message.endsWith(remedy), error.message);
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(readdirSync(folder), [], "nothing is left, whole or in part");
}

test("a file is downloaded completely, into new folders, with its progress in bytes", async (t) => {
  const { url, seen } = await serve(t, file(content));
  const folder = temporaryFolder(t);
  const progress: Progress[] = [];
  await download(pinned(url), join(folder, "a", "b", "w.pth"), {
    ...quick,
    onProgress: (one) => progress.push(one),
  });
  assert.deepEqual(readdirSync(join(folder, "a", "b")), ["w.pth"]);
  assert.ok(readFileSync(join(folder, "a", "b", "w.pth")).equals(content));
  assert.deepEqual(seen, ["/w.pth"]);
  assert.deepEqual(progress.at(-1), {
    stage: "download",
    done: 200_000,
    total: 200_000,
    unit: "bytes",
    message: "w.pth",
  });
});

test("an interrupted download is resumed", async (t) => {
  const { url, seen } = await serve(t, (request, response, count) =>
    (count === 1 ? broken(content, 90_000) : file(content))(request, response, count),
  );
  const folder = temporaryFolder(t);
  await download(pinned(url), join(folder, "w.pth"), quick);
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  assert.equal(seen.length, 2);
  assert.match(seen[1] ?? "", /^\/w\.pth bytes=\d+-$/);
  assert.notEqual(seen[1], "/w.pth bytes=0-");
});

for (const [what, second] of [
  ["that knows no ranges", file(content, { ranges: false })],
  ["whose file has changed since", file(content, { tag: '"2"' })],
] as const)
  test(`from a server ${what} it comes from the start again`, async (t) => {
    const { url, seen } = await serve(t, (request, response, count) =>
      (count === 1 ? broken(content, 90_000) : second)(request, response, count),
    );
    const folder = temporaryFolder(t);
    await download(pinned(url), join(folder, "w.pth"), quick);
    assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
    assert.equal(seen.length, 2);
  });

test("an answer with a part other than the requested one is not accepted", async (t) => {
  const { url, seen } = await serve(t, (request, response, count) => {
    if (count === 1) return broken(content, 90_000)(request, response, count);
    if (count === 3) return file(content)(request, response, count);
    response.writeHead(206, { "content-range": `bytes 5-${content.length - 1}/${content.length}` });
    response.end(content.subarray(5));
  });
  const folder = temporaryFolder(t);
  await download(pinned(url), join(folder, "w.pth"), quick);
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  assert.equal(seen[2], "/w.pth");
});

test("an answer that ends early without an error is resumed, too", async (t) => {
  const { url, seen } = await serve(t, (request, response, count) => {
    if (count > 1) return file(content)(request, response, count);
    response.setHeader("etag", '"1"');
    response.end(content.subarray(0, 1234)); // its length is its own
    return undefined;
  });
  const folder = temporaryFolder(t);
  await fails(url, folder, /the server announced 1234/);
  const chunked = await serve(t, (request, response, count) => {
    if (count > 1) return file(content)(request, response, count);
    response.writeHead(200, { etag: '"1"' });
    response.write(content.subarray(0, 1234), () => response.end());
    return undefined;
  });
  await download(pinned(chunked.url), join(folder, "w.pth"), quick);
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  assert.deepEqual([seen, chunked.seen], [["/w.pth"], ["/w.pth", "/w.pth bytes=1234-"]]);
});

test("after three broken connections it fails with the number of received bytes", async (t) => {
  const { url, seen } = await serve(t, broken(content, 1000));
  await fails(url, temporaryFolder(t), /: (other side closed|terminated|aborted|the connection ended)/);
  assert.equal(seen.length, 3);
});

test("server errors are retried, refusals are not", async (t) => {
  const folder = temporaryFolder(t);
  const trouble = await serve(t, (request, response, count) =>
    (count < 3 ? status(503) : file(content))(request, response, count),
  );
  await download(pinned(trouble.url), join(folder, "w.pth"), quick);
  assert.equal(trouble.seen.length, 3);
  const down = await serve(t, status(500));
  await fails(down.url, temporaryFolder(t), /the server answered 500/);
  assert.equal(down.seen.length, 3);
  const missing = await serve(t, status(404));
  await fails(missing.url, temporaryFolder(t), /the server answered 404 Not Found\. Put it there/);
  assert.equal(missing.seen.length, 1);
});

test("another content, fewer or more bytes than are pinned are refused, and not kept", async (t) => {
  const other = Buffer.from(content);
  other[77] = (other[77] ?? 0) ^ 1;
  const found = createHash("sha256").update(other).digest("hex");
  const changed = await serve(t, file(other));
  await fails(
    changed.url,
    temporaryFolder(t),
    new RegExp(`expected the SHA-256 ${sha256}, received ${found}`),
  );
  const shorter = await serve(t, file(content.subarray(1)));
  await fails(shorter.url, temporaryFolder(t), /expected 200000 bytes, the server announced 199999/);
  const endless = await serve(t, (request, response) => {
    const more = setInterval(() => response.write(content), 1);
    request.socket.on("close", () => clearInterval(more));
  });
  await fails(endless.url, temporaryFolder(t), /received more than the expected 200000 bytes/);
});

test("redirects are followed, also to other paths, but only a limited number of times", async (t) => {
  const { url, seen } = await serve(t, (request, response, count) =>
    (request.url === "/w.pth" ? status(302, { location: "/mirror/w.pth" }) : file(content))(
      request,
      response,
      count,
    ),
  );
  const folder = temporaryFolder(t);
  await download(pinned(url), join(folder, "w.pth"), quick);
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  assert.deepEqual(seen, ["/w.pth", "/mirror/w.pth"]);
  const round = await serve(t, status(301, { location: "/w.pth" }));
  await fails(round.url, temporaryFolder(t), /redirected more than 5 times/);
  const away = await serve(t, status(302, { location: "file:///etc/passwd" }));
  await fails(away.url, temporaryFolder(t), /redirects to file:\/\/\/etc\/passwd, which is not encrypted/);
});

test("no redirect leads from https to http, or to what is no address", () => {
  const [safe, plain] = [new URL("https://a.org/x"), new URL("http://a.org/x")];
  assert.equal(redirectTarget(safe, "https://b.org/y")?.href, "https://b.org/y");
  assert.equal(redirectTarget(safe, "/y")?.href, "https://a.org/y");
  assert.equal(redirectTarget(safe, "http://b.org/y"), null);
  assert.equal(redirectTarget(plain, "https://b.org/y")?.href, "https://b.org/y");
  assert.equal(redirectTarget(plain, "data:text/plain,x"), null);
  assert.equal(redirectTarget(safe, "http://["), null);
});

test("a slow server is waited for, a silent one is given up", async (t) => {
  const slow = await serve(t, (_, response) => {
    response.setHeader("content-length", content.length);
    let at = 0;
    const more = setInterval(() => {
      response.write(content.subarray(at, (at += 25_000)));
      if (at < content.length) return;
      clearInterval(more);
      response.end();
    }, 60);
  });
  const folder = temporaryFolder(t);
  await download(pinned(slow.url), join(folder, "w.pth"), { ...quick, patience: 400 });
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  const silent = await serve(t, (_, response) => response.write(content.subarray(0, 10)));
  await fails(silent.url, temporaryFolder(t), /no data was received for 0\.1 s/, { ...quick, patience: 100 });
  const mute = await serve(t, () => undefined);
  await fails(mute.url, temporaryFolder(t), /no data was received for 0\.1 s/, { ...quick, patience: 100 });
});

test("without a connection it fails with the reason and what to do", async (t) => {
  // A port that was free a moment ago.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const closed = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise((resolve) => server.close(resolve));
  await fails(closed, temporaryFolder(t), /ECONNREFUSED/);
});

test("a stop ends it at once, with the signal's reason and nothing left", async (t) => {
  const { url } = await serve(t, (_, response) => response.write(content.subarray(0, 10)));
  const folder = temporaryFolder(t);
  const stop = new AbortController();
  const running = download(pinned(url), join(folder, "w.pth"), {
    ...quick,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await assert.rejects(running, { name: "AbortError" });
  assert.deepEqual(readdirSync(folder), []);
});

test("what a killed download left is removed after a day; what another is writing is not", async (t) => {
  const { url } = await serve(t, file(content));
  const folder = temporaryFolder(t);
  const [old, young, foreign] = [
    ".w.pth.0123456789ab.tmp",
    ".w.pth.ba9876543210.tmp",
    ".other.pth.0123456789ab.tmp",
  ];
  for (const name of [old, young, foreign]) writeFileSync(join(folder, name), "part");
  const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
  for (const name of [old, foreign]) utimesSync(join(folder, name), yesterday, yesterday);
  await download(pinned(url), join(folder, "w.pth"), quick);
  assert.deepEqual(readdirSync(folder).sort(), [foreign, young, "w.pth"].sort());
});

test("two processes may download the same file at once", async (t) => {
  const { url, seen } = await serve(t, (request, response, count) => {
    setTimeout(() => file(content)(request, response, count), 150);
  });
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "to"));
  const module = new URL("../../src/run/download.js", import.meta.url).href;
  const program = `import { download } from ${JSON.stringify(module)};
    await download(${JSON.stringify(pinned(url))}, ${JSON.stringify(join(folder, "to", "w.pth"))}, { remedy: "" });`;
  const one = () => promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
  await Promise.all([one(), one()]);
  assert.equal(seen.length, 2);
  assert.deepEqual(readdirSync(join(folder, "to")), ["w.pth"]);
  assert.ok(readFileSync(join(folder, "to", "w.pth")).equals(content));
});
