/** A web server of the test's own, on a free port of this machine. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** @param answer receives the number of the request, counted from 1   @returns the address, and the path and range of each request */
export async function serve(t: TestContext, answer: Answer): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.url ?? ""} ${request.headers.range ?? ""}`.trim());
    answer(request, response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** Answers with the content, or the part of it that is asked for. */
export function file(content: Uint8Array, { tag = '"1"', ranges = true } = {}): Answer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isSame = request.headers["if-range"] === undefined || request.headers["if-range"] === tag;
    const part = ranges && isSame && from > 0 ? content.subarray(from) : content;
    response.setHeader("content-length", part.length);
    response.setHeader("etag", tag);
    if (part !== content) {
      response.statusCode = 206;
      response.setHeader("content-range", `bytes ${from}-${content.length - 1}/${content.length}`);
    }
    response.end(part);
  };
}

/** Promises the content and breaks off after some of it. */
export function broken(content: Uint8Array, after: number, tag = '"1"'): Answer {
  return (request, response) => {
    response.setHeader("content-length", content.length);
    response.setHeader("etag", tag);
    response.write(content.subarray(0, after), () => setTimeout(() => request.socket.destroy(), 20));
  };
}

export function status(code: number, headers: Record<string, string> = {}): Answer {
  return (_, response) => {
    response.writeHead(code, headers);
    response.end("no");
  };
}
