/**
 * Sends requests through the HTTP proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name, which the fetch of Node 20
 * ignores: https through a tunnel (CONNECT, RFC 9110 section 9.3.6), http by passing the full URL to the proxy.
 */
import { request as plainRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { request as secureRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { Readable } from "node:stream";
import { connect as secure } from "node:tls";
import { crossThreads } from "../engine/thread-errors.js";

type Environment = Record<string, string | undefined>;

/** A proxy refused a request, or its address is invalid. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
}

crossThreads(import.meta.url, ProxyError);

/** The proxy that the environment names for a URL; null for a direct connection. @throws ProxyError */
export function proxyFor(url: URL, env: Environment): URL | null {
  const named = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const given = named(name) ?? named("ALL_PROXY");
  if (given === undefined || isExcluded(url, named("NO_PROXY") ?? "")) return null;
  const text = given.includes("://") ? given : `http://${given}`;
  const proxy = URL.canParse(text) ? new URL(text) : null;
  if (proxy === null || !["http:", "https:"].includes(proxy.protocol))
    throw new ProxyError(
      `${name}: expected an address such as http://proxy.example:3128, received ${withoutSecret(given)}`,
    );
  return proxy;
}

/** NO_PROXY as curl reads it: hosts including their subdomains, with or without a port, or * for all. */
function isExcluded(url: URL, list: string): boolean {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, "");
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [, name = "", wanted] =
        /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? [];
      if (wanted !== undefined && wanted !== port) return false;
      const domain = name.replace(/^\*?\./, "");
      return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
    });
}

export interface ThroughOptions {
  headers: Record<string, string>;
  signal: AbortSignal;
  /** The body of a POST. Default: a GET. */
  body?: Readable;
}

/** Like `fetch(url, { headers, signal, redirect: "manual" })`. @throws ProxyError, and the errors of the connection */
export async function fetchThrough(proxy: URL, url: URL, options: ThroughOptions): Promise<Response> {
  options.signal.throwIfAborted();
  return asResponse(await (url.protocol === "https:" ? tunnelled : forwarded)(proxy, url, options));
}

const methodOf = ({ body }: ThroughOptions): "GET" | "POST" => (body === undefined ? "GET" : "POST");

async function tunnelled(proxy: URL, url: URL, options: ThroughOptions) {
  const { headers, signal, body } = options;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const tunnel = await openTunnel(proxy, `${url.hostname}:${url.port || "443"}`, signal);
  const socket = secure({ socket: tunnel, ...(isIP(host) === 0 ? { servername: host } : {}), host });
  // Without an agent, which would open a second connection beside the tunnel.
  const method = methodOf(options);
  const answer = await answerOf(
    secureRequest(url, { method, headers, signal, createConnection: () => socket }),
    body,
  );
  answer.once("close", () => tunnel.destroy());
  return answer;
}

function openTunnel(proxy: URL, target: string, signal: AbortSignal): Promise<Socket> {
  const request = toProxy(proxy, { method: "CONNECT", path: target, headers: { host: target }, signal });
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("connect", (response: IncomingMessage, socket: Socket) => {
      if (response.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(refusal(proxy, response));
    });
    request.once("response", (response: IncomingMessage) => {
      response.destroy();
      reject(refusal(proxy, response));
    });
    request.end();
  });
}

/** Only the status code 407 distinguishes a refusal by the proxy from an answer of the server. */
async function forwarded(proxy: URL, url: URL, options: ThroughOptions) {
  const { signal, body } = options;
  const headers = { ...options.headers, host: url.host };
  const request = toProxy(proxy, { method: methodOf(options), path: url.href, headers, signal });
  const response = await answerOf(request, body);
  if (response.statusCode !== 407) return response;
  response.destroy();
  throw refusal(proxy, response);
}

interface ProxyRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  signal: AbortSignal;
}

function toProxy(proxy: URL, { method, path, headers, signal }: ProxyRequest): ClientRequest {
  const open = proxy.protocol === "https:" ? secureRequest : plainRequest;
  const user = decodeURIComponent(proxy.username);
  const password = decodeURIComponent(proxy.password);
  const known = Buffer.from(`${user}:${password}`).toString("base64");
  const credentials: Record<string, string> = user === "" ? {} : { "proxy-authorization": `Basic ${known}` };
  const address = { hostname: proxy.hostname.replace(/^\[|\]$/g, ""), port: proxy.port };
  return open({ ...address, method, path, headers: { ...headers, ...credentials }, signal, agent: false });
}

function answerOf(request: ClientRequest, body?: Readable): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("response", resolve);
    if (body === undefined) return void request.end();
    body.once("error", (error) => request.destroy(error));
    body.pipe(request);
  });
}

function asResponse(message: IncomingMessage): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct))
    for (const value of values ?? []) headers.append(name, value);
  const status = message.statusCode ?? 500;
  const isEmpty = status === 204 || status === 205 || status === 304;
  if (isEmpty) message.resume();
  // Node and the browser declare the same stream type twice.
  const body = isEmpty ? null : (Readable.toWeb(message) as unknown as ReadableStream<Uint8Array>);
  return new Response(body, { status, statusText: message.statusMessage ?? "", headers });
}

function refusal(proxy: URL, { statusCode, statusMessage }: IncomingMessage): ProxyError {
  const hint =
    statusCode === 407 ? "; put name and password into its address: http://NAME:PASSWORD@HOST:PORT" : "";
  return new ProxyError(
    `the proxy ${proxy.host} answered ${statusCode} ${statusMessage ?? ""}`.trimEnd() + hint,
  );
}

const withoutSecret = (text: string): string => text.replace(/\/\/[^@/]*@/, "//…@");
