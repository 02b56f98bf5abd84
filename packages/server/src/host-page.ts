/** Hosts a page and files beside it, without the API: for looking at them on this machine. */
import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import fastify, { type FastifyInstance } from "fastify";
import { refuseForeignPages } from "./access.js";
import { listen } from "./listen.js";
import { problemOf } from "./problem.js";
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
  /** Has a secret first part, because every user of this machine reaches its own address. */
  url: string;
}

/** Listens on this machine's own address alone. @throws ServeError if the folder has no index.html, or the port cannot be used */
export async function hostPage({ folder, files = new Map(), port }: HostPageOptions): Promise<HostedPage> {
  const app = fastify({ forceCloseConnections: true });
  app.addHook("onRequest", (request, reply, done) => {
    try {
      refuseForeignPages(request);
      done();
    } catch (error) {
      const { status, body } = problemOf(error);
      void reply.code(status).type("application/problem+json").send(JSON.stringify(body));
    }
  });
  const prefix = `/${randomBytes(16).toString("hex")}`;
  const routes = (scope: FastifyInstance) => {
    addViewerRoutes(scope, folder);
    for (const [url, path] of files) {
      const { size, mtimeMs } = statSync(path);
      const file = { path, type: "application/octet-stream", bytes: size, etag: `"${size}-${mtimeMs}"` };
      addFile(scope, url, file);
    }
  };
  // eslint-disable-next-line @typescript-eslint/require-await
  await app.register(async (scope) => routes(scope), { prefix });
  const url = await listen(app, { host: "127.0.0.1", port });
  return { url: `${url}${prefix}/`, [Symbol.asyncDispose]: () => app.close() };
}
