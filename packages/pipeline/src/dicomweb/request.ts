/** One HTTP exchange with a DICOMweb server: credentials, proxies, patience, and what its status means. */
import { Readable } from "node:stream";
import { notice } from "../engine/notices.js";
import { fetchThrough, ProxyError, proxyFor } from "../run/proxy.js";
import { DicomWebError, type DicomWebFault } from "./errors.js";

/** The environment variable with the bearer token. */
export const TOKEN = "SLICESTACK_DICOMWEB_TOKEN";

export interface RequestOptions {
  /** Bearer token. Default: that of the environment. */
  token?: string;
  /** Of HTTP basic authentication, where there is no token. */
  login?: { user: string; password: string } | null;
  /** Milliseconds without data after which a request is given up. Default: one minute. */
  patience?: number;
  /** SLICESTACK_DICOMWEB_TOKEN, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY. Default: those of the process. */
  env?: Record<string, string | undefined>;
  signal?: AbortSignal;
}

export interface Exchange {
  url: string;
  accept: string;
  /** A POST with this body. Default: a GET. */
  body?: { type: string; pieces: AsyncIterable<Uint8Array> };
}

/** An answer whose body is read piece by piece. */
export interface Answer {
  status: number;
  headers: Headers;
  pieces: AsyncIterable<Uint8Array>;
}

/**
 * @param take reads the answer; the connection is closed when it returns
 * @throws DicomWebError for every failure   @throws the signal's reason
 */
export async function exchange<T>(
  asked: Exchange,
  options: RequestOptions,
  take: (answer: Answer) => Promise<T>,
): Promise<T> {
  const { patience = 60_000, signal } = options;
  const given = new AbortController();
  const timer = setTimeout(() => given.abort(), patience);
  try {
    const both = signal === undefined ? given.signal : AbortSignal.any([given.signal, signal]);
    const response = await send(asked, options, both, () => timer.refresh()).catch(lost);
    await refuseStatus(asked.url, response, options);
    return await take({
      status: response.status,
      headers: response.headers,
      pieces: piecesOf(response, timer),
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof Lost)) throw error;
    throw given.signal.aborted ? stalled(asked.url, patience, error.cause) : failed(asked.url, error.cause);
  } finally {
    clearTimeout(timer);
    given.abort();
  }
}

/** The connection failed, as opposed to whoever takes the answer. */
class Lost extends Error {}

function lost(error: unknown): never {
  throw error instanceof DicomWebError ? error : new Lost("lost", { cause: error });
}

async function* piecesOf(response: Response, timer: NodeJS.Timeout): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    const next = (await reader.read().catch(lost)) as { done: boolean; value: Uint8Array };
    if (next.done) return;
    timer.refresh();
    yield next.value;
  }
}

async function send(
  asked: Exchange,
  options: RequestOptions,
  signal: AbortSignal,
  onSent: () => void,
): Promise<Response> {
  const { body } = asked;
  const url = new URL(asked.url);
  const env = options.env ?? process.env;
  const headers: Record<string, string> = {
    accept: asked.accept,
    ...authorization(url, options),
    ...(body === undefined ? {} : { "content-type": body.type }),
  };
  const pieces = body === undefined ? null : Readable.from(counted(body.pieces, onSent));
  const proxy = proxyFor(url, env);
  if (proxy !== null)
    return fetchThrough(proxy, url, { headers, signal, ...(pieces === null ? {} : { body: pieces }) });
  // A redirect could lead the credentials elsewhere.
  const init: RequestInit & { duplex?: "half" } = { headers, signal, redirect: "manual" };
  if (pieces === null) return fetch(url, init);
  return fetch(url, {
    ...init,
    method: "POST",
    body: Readable.toWeb(pieces) as unknown as ReadableStream,
    duplex: "half",
  });
}

async function* counted(pieces: AsyncIterable<Uint8Array>, onSent: () => void): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    onSent();
    yield piece;
  }
}

function authorization(
  url: URL,
  { token, login, env = process.env }: RequestOptions,
): Record<string, string> {
  const bearer = token ?? env[TOKEN];
  const text =
    bearer !== undefined && bearer !== ""
      ? `Bearer ${bearer}`
      : login === undefined || login === null
        ? null
        : `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`;
  if (text === null) return {};
  if (/[^\x20-\x7e]/.test(text))
    throw new DicomWebError(
      url.href,
      "unauthorised",
      "the token has characters that a header cannot hold",
      `Set ${TOKEN} again.`,
    );
  const isLocal = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol === "http:" && !isLocal)
    notice(
      `The credentials for ${url.host} are sent without encryption, because its address begins with http.`,
    );
  return { authorization: text };
}

/** @throws DicomWebError if the status is no success */
async function refuseStatus(
  url: string,
  response: Response,
  { token, login, env = process.env }: RequestOptions,
) {
  const { status, statusText } = response;
  if (response.ok || (status === 409 && response.headers.get("content-type")?.includes("json") === true))
    return;
  const [fault, remedy] = meaningOf(status, (token ?? env[TOKEN] ?? login ?? null) !== null);
  const location = status < 400 ? response.headers.get("location") : null;
  const to = location === null ? "" : `, a redirect to ${location}`;
  await response.body?.cancel();
  throw new DicomWebError(url, fault, `the server answered ${status} ${statusText}`.trimEnd() + to, remedy, {
    status,
  });
}

function meaningOf(status: number, hasCredentials: boolean): [DicomWebFault, string] {
  if (status === 401 || status === 403)
    return [
      "unauthorised",
      hasCredentials
        ? "The token or the password is wrong or has expired, or does not allow this study."
        : `Set ${TOKEN} to a bearer token, or put NAME:PASSWORD@ in front of the host.`,
    ];
  if (status === 404)
    return ["not-found", "Check the address and the UIDs: the server has no such study or series."];
  if (status >= 300 && status < 400)
    return ["refused", "Use the address that it redirects to, if you trust it."];
  if (status === 429 || status >= 500) return ["server", "Try again later, or ask whoever runs the server."];
  return ["refused", "Check the address: it may not be that of a DICOMweb service."];
}

function stalled(url: string, patience: number, cause: unknown): DicomWebError {
  const remedy = "Check that the server is running and not overloaded, then try again.";
  return new DicomWebError(url, "timeout", `no data was received for ${patience / 1000} s`, remedy, {
    cause,
  });
}

/** fetch only reports "fetch failed"; the reason is in its cause. */
function failed(url: string, error: unknown): DicomWebError {
  if (error instanceof ProxyError)
    return new DicomWebError(url, "unreachable", error.message, "Check HTTPS_PROXY and NO_PROXY.", {
      cause: error,
    });
  const reason = reasonOf(error);
  const isCut = /terminated|other side closed|aborted|ECONNRESET|premature/i.test(reason);
  return isCut
    ? new DicomWebError(url, "truncated", `the connection was lost (${reason})`, "Try again.", {
        cause: error,
      })
    : new DicomWebError(url, "unreachable", reason, "Check the address and the network.", { cause: error });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.message === "" && "code" in error ? String(error.code) : error.message;
}
