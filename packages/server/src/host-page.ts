/** Hosts a page and files beside it, without the API: for looking at them on this machine. */
import { statSync } from "node:fs";
import fastify from "fastify";
import { addFile, addViewerRoutes } from "./routes/viewer.js";

export interface HostPageOptions {
  /** Folder of static files with index.html. */
  folder: string;
  /** Further files by their address, such as "/scans/0/IM0001". They are read when they are asked for. */
  files?: ReadonlyMap<string, string>;
  /** 0 takes a free one. */
  port: number;
}

export interface HostedPage extends AsyncDisposable {
  url: string;
}

/** Listens on this machine's own address alone. @throws ServeError if the folder has no index.html */
export async function hostPage({ folder, files = new Map(), port }: HostPageOptions): Promise<HostedPage> {
  const app = fastify({ forceCloseConnections: true });
  addViewerRoutes(app, folder);
  for (const [url, path] of files) {
    const { size, mtimeMs } = statSync(path);
    addFile(app, url, { path, type: "application/octet-stream", bytes: size, etag: `"${size}-${mtimeMs}"` });
  }
  const url = await app.listen({ host: "127.0.0.1", port });
  return { url: `${url}/`, [Symbol.asyncDispose]: () => app.close() };
}
