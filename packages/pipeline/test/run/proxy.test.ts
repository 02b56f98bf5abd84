/** Downloads through a proxy of the test's own: a tunnel for https, whole addresses for http, NO_PROXY, refusals. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { connect, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { download, DownloadError } from "../../src/run/download.js";
import { proxyFor } from "../../src/run/proxy.js";
import { temporaryFolder } from "../data/temporary.js";
import { broken, file, serve, type Answer } from "./server.js";

const content = Buffer.from(Uint8Array.from({ length: 150_000 }, (_, k) => (k * 7 + (k >> 8)) % 256));
const sha256 = createHash("sha256").update(content).digest("hex");
const pinned = (url: string) => ({ url: `${url}/w.pth`, sha256, bytes: content.length });
const tls = join(import.meta.dirname, "../../../../../fixtures/tls");
const options = { remedy: "Put it there by hand.", pause: 10, patience: 5000 };

async function portOf(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** @returns its address, how many bytes came through tunnels, and what it was asked for with the credentials given */
async function proxyServer(t: TestContext, credentials?: string) {
  const asked: string[] = [];
  const relayed = { bytes: 0 };
  const sockets = new Set<{ destroy(): void }>();
  const knows = ({ headers }: IncomingMessage) =>
    credentials === undefined ||
    headers["proxy-authorization"] === `Basic ${Buffer.from(credentials).toString("base64")}`;
  const server = createServer((incoming, outgoing) => {
    asked.push(`GET ${incoming.url ?? ""}`);
    if (!knows(incoming)) return void outgoing.writeHead(407).end();
    const onward = request(incoming.url!, { headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    onward.on("error", () => outgoing.destroy());
    onward.end();
  });
  server.on("connect", (incoming: IncomingMessage, socket, head: Buffer) => {
    asked.push(`CONNECT ${incoming.url ?? ""}`);
    if (!knows(incoming)) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const [host = "", port = ""] = (incoming.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.write(head);
      onward.on("data", (piece: Buffer) => (relayed.bytes += piece.length));
      onward.pipe(socket);
      socket.pipe(onward);
    });
    for (const end of [onward, socket]) {
      sockets.add(end);
      end.on("error", () => [onward, socket].forEach((one) => one.destroy()));
    }
  });
  const port = await portOf(t, server);
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  return { host: `127.0.0.1:${port}`, asked, relayed };
}

async function secureServer(t: TestContext, answer: Answer): Promise<string> {
  let count = 0;
  const key = readFileSync(join(tls, "key.pem"));
  const cert = readFileSync(join(tls, "certificate.pem"));
  const server = createSecureServer({ key, cert }, (incoming, outgoing) =>
    answer(incoming, outgoing, ++count),
  );
  t.after(() => server.closeAllConnections());
  return `https://127.0.0.1:${await portOf(t, server)}`;
}

/** Runs in a separate process, which trusts the certificate of the test. */
async function downloadApart(url: string, path: string, env: Record<string, string>): Promise<string> {
  const module = new URL("../../src/run/download.js", import.meta.url).href;
  const script = `import { download } from ${JSON.stringify(module)};
    await download(${JSON.stringify(pinned(url))}, ${JSON.stringify(path)}, ${JSON.stringify(options)}).catch((error) => {
      console.log(error.message);
    });`;
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name)));
  const given = { ...clean, NODE_EXTRA_CA_CERTS: join(tls, "certificate.pem"), ...env };
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    env: given,
  });
  return stdout;
}

test("https uses a tunnel of the proxy, a broken one is resumed; NO_PROXY bypasses it", async (t) => {
  const url = await secureServer(t, (a, b, count) =>
    (count === 1 ? broken(content, 70_000) : file(content))(a, b, count),
  );
  const proxy = await proxyServer(t, "me:se:cret");
  const folder = temporaryFolder(t);
  const path = join(folder, "w.pth");
  const env = { HTTPS_PROXY: `http://me:se%3Acret@${proxy.host}` };
  assert.equal(await downloadApart(url, path, env), "");
  assert.ok(readFileSync(path).equals(content));
  assert.deepEqual(proxy.asked, Array(2).fill(`CONNECT ${new URL(url).host}`));
  assert.ok(proxy.relayed.bytes > content.length, `${proxy.relayed.bytes} bytes came through the tunnel`);
  assert.equal(
    await downloadApart(url, join(folder, "again.pth"), { ...env, NO_PROXY: "example.org,127.0.0.1" }),
    "",
  );
  assert.equal(proxy.asked.length, 2, "not asked again");
});

test("a refusal of the proxy is reported once, with its message and a remedy; an unreachable proxy is named", async (t) => {
  const url = await secureServer(t, file(content));
  const proxy = await proxyServer(t, "me:secret");
  const path = join(temporaryFolder(t), "w.pth");
  const refused = await downloadApart(url, path, { https_proxy: proxy.host });
  assert.match(
    refused,
    /the proxy 127\.0\.0\.1:\d+ answered 407 .*http:\/\/NAME:PASSWORD@HOST:PORT\. Put it there by hand/,
  );
  assert.equal(proxy.asked.length, 1);
  assert.match(
    await downloadApart(url, path, { HTTPS_PROXY: "http://127.0.0.1:9" }),
    /ECONNREFUSED 127\.0\.0\.1:9\./,
  );
  assert.match(
    await downloadApart(url, path, { HTTPS_PROXY: "socks5://me:secret@here" }),
    /HTTPS_PROXY: expected an address such as http:\/\/proxy\.example:3128, received socks5:\/\/…@here/,
  );
});

test("http uses the full URL, also for redirects and resuming; an unknown certificate is refused", async (t) => {
  const { url } = await serve(t, (a, b, count) =>
    (count === 1 ? broken(content, 70_000) : file(content))(a, b, count),
  );
  const proxy = await proxyServer(t);
  const folder = temporaryFolder(t);
  await download(pinned(url), join(folder, "w.pth"), {
    ...options,
    env: { ALL_PROXY: `http://${proxy.host}` },
  });
  assert.ok(readFileSync(join(folder, "w.pth")).equals(content));
  assert.deepEqual(proxy.asked, Array(2).fill(`GET ${url}/w.pth`));
  const secure = await secureServer(t, file(content));
  await assert.rejects(
    download(pinned(secure), join(folder, "x.pth"), {
      ...options,
      env: { HTTPS_PROXY: `http://${proxy.host}` },
    }),
    (error) => error instanceof DownloadError && /self-signed certificate/.test(error.message),
  );
});

test("NO_PROXY: hosts with subdomains, ports, addresses, all; lower-case variables take precedence", () => {
  const env = (NO_PROXY: string) => ({ HTTPS_PROXY: "http://p:1", NO_PROXY });
  const asked = (url: string, list: string) => proxyFor(new URL(url), env(list))?.host ?? null;
  assert.equal(asked("https://download.pytorch.org/a", ""), "p:1");
  for (const list of [
    "pytorch.org",
    ".pytorch.org",
    "*.pytorch.org",
    "a, download.PyTorch.org",
    "download.pytorch.org:443",
    "*",
  ])
    assert.equal(asked("https://download.pytorch.org/a", list), null, list);
  for (const list of ["torch.org", "pytorch.org:80", "org.pytorch", "127.0.0.1"])
    assert.equal(asked("https://download.pytorch.org/a", list), "p:1", list);
  assert.equal(asked("https://127.0.0.1:8443/a", "127.0.0.1"), null);
  assert.equal(asked("https://[::1]:8443/a", "::1"), null);
  assert.equal(
    proxyFor(new URL("http://a.org"), { HTTPS_PROXY: "http://p:1" }),
    null,
    "http has a variable of its own",
  );
  assert.equal(
    proxyFor(new URL("https://a.org"), { HTTPS_PROXY: "http://p:1", https_proxy: "q:2" })?.host,
    "q:2",
  );
});
