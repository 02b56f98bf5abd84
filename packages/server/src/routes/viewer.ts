/** The files of the viewer, at the root of the server. They are listed at the start, so that no path of a client reaches the disk. */
import { createReadStream, readdirSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { fileHashSync } from "@slicestack/pipeline/internal";
import type { FastifyInstance } from "fastify";
import { ServeError } from "../options.js";

export interface StaticFile {
  path: string;
  type: string;
  bytes: number;
  etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".onnx": "application/octet-stream",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

/** First parts of addresses that belong to the API. */
const RESERVED = new Set(["v1", "docs", "health", "metrics"]);

/** Scripts, styles and connections of the page come from this server alone; wasm may be compiled, text may not be run. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self' data:",
  "connect-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "content-security-policy": POLICY,
  // Both are needed for memory that threads share, which wasm uses.
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/**
 * Serves the folder of a built page: index.html at "/", and every other file at its own path.
 * @param folder null where there is no page; "/" then leads to the description of the API
 * @throws ServeError if it has no index.html, or a file that the API would hide
 */
export function addViewerRoutes(app: FastifyInstance, folder: string | null): void {
  if (folder === null) {
    const options = { config: { isOpen: true }, schema: { hide: true } };
    app.get("/", options, (_request, reply) => reply.redirect("/docs"));
    return;
  }
  for (const [url, file] of filesOf(folder)) addFile(app, url, file);
}

export function addFile(app: FastifyInstance, url: string, { path, type, bytes, etag }: StaticFile): void {
  const cache = url.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
  app.get(url, { config: { isOpen: true }, schema: { hide: true } }, (request, reply) => {
    void reply.headers({ ...HEADERS, etag, "cache-control": cache });
    if (request.headers["if-none-match"] === etag) return reply.status(304).send();
    return reply.type(type).header("content-length", bytes).serializer(String).send(createReadStream(path));
  });
}

function filesOf(folder: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const path of pathsBelow(folder)) {
    const name = relative(folder, path).split(sep).map(encodeURIComponent).join("/");
    const url = name === "index.html" ? "/" : `/${name}`;
    if (RESERVED.has(url.split("/")[1]!))
      throw new ServeError(`${path} would hide a part of the API`, "Rename it, or build the viewer again.");
    const etag = `"${fileHashSync(path).slice(0, 32)}"`;
    const type = TYPES[extname(path).toLowerCase()] ?? "application/octet-stream";
    files.set(url, { path, type, bytes: statSync(path).size, etag });
  }
  if (files.has("/")) return files;
  throw new ServeError(`${folder} has no index.html`, "Name the folder of a built viewer.");
}

function pathsBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw new ServeError(
      `The viewer in ${folder} cannot be read (${(error as Error).message})`,
      "Name the folder of a built viewer.",
    );
  }
}
