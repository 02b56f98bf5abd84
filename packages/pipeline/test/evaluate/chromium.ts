/** Pages in a real browser: what they complain of, and what they ask for. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
export const skipWithoutChromium = existsSync(CHROMIUM)
  ? false
  : `${CHROMIUM} is absent: apt-get install chromium`;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Opens a page from disk. */
export async function openPage(
  html: string,
  use: (page: Page) => Promise<void>,
): Promise<{ complaints: string[]; requests: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-page-"));
  const complaints: string[] = [];
  const requests: string[] = [];
  let browser: Browser | undefined;
  try {
    const path = join(folder, "page.html");
    writeFileSync(path, html);
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => requests.push(request.url()));
    await page.goto(pathToFileURL(path).href);
    await use(page);
  } finally {
    await browser?.close();
    rmSync(folder, { recursive: true });
  }
  return {
    complaints,
    requests: requests.filter((url) => !url.startsWith("file:") && !url.startsWith("data:")),
  };
}
