/** The built page of the viewer in Chromium, on a server of plain files. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { chromium } from "playwright-core";
import { buildViewer } from "../../scripts/build-viewer.mjs";

const CHROMIUM = "/usr/bin/chromium";
export const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is missing: apt-get install chromium`;

/** WebGL 2 is computed in software. */
const FLAGS = [
  "--no-sandbox",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
];
const PATIENCE = 240_000;
const site = join(import.meta.dirname, "../../packages/viewer/dist/site");

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

/** @param folder of the static files; default: the built page   @param name of the page in it */
export async function openPage(folder = site, name = "") {
  await buildViewer();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://page");
    const path = join(folder, decodeURIComponent(pathname.replace(/\/$/, "/index.html")));
    const body = existsSync(path) ? readFileSync(path) : null;
    const type = TYPES[extname(path)] ?? "application/octet-stream";
    response.writeHead(body === null ? 404 : 200, { "content-type": type });
    response.end(body);
  });
  await new Promise((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}/`;
  return { ...(await openUrl(`${origin}${name}`)), origin, server };
}

/** Opens a page in Chromium, and keeps what it requests and complains of. @param wait until it is ready for a scan */
export async function openUrl(origin, { wait = true } = {}) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB" });
  const page = await context.newPage();
  const [requests, complaints] = [[], []];
  page.setDefaultTimeout(PATIENCE);
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  context.on("request", (request) => requests.push({ url: request.url(), body: request.postData() }));
  await page.goto(origin);
  if (wait)
    await page.waitForFunction(() => globalThis.document.querySelector(".status")?.textContent === "");
  return {
    page,
    context,
    origin,
    requests,
    complaints,
    goOffline: () => context.setOffline(true),
    foreignRequests: () =>
      requests.map(({ url }) => url).filter((url) => !url.startsWith(origin) && !/^(data|blob):/.test(url)),
    async close() {
      await browser.close();
      this.server?.close();
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe calls serious or critical on the page as it is, with the elements. */
export async function seriousFaults(page) {
  // By the protocol of the debugger, because the page's policy forbids scripts that are not its own.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", {
    expression: "axe.run().then(({ violations }) => JSON.stringify(violations))",
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return JSON.parse(result.value)
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`)}`,
    );
}
