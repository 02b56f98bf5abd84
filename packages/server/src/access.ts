/** Who may use the server: programs of this machine, or holders of a token. */
import type { FastifyRequest, onRequestHookHandler } from "fastify";
import { FailedLogins } from "./failed-logins.js";
import { isLoopback } from "./options.js";
import { Problem } from "./problem.js";
import type { Service } from "./service.js";

declare module "fastify" {
  interface FastifyRequest {
    /** Name of the token; "local" if none is required; "" before it is known. */
    who: string;
  }
  interface FastifyContextConfig {
    /** Needs no token, because it holds no data. */
    isOpen?: boolean;
  }
}

/** Routes that need no token; a browser opens the description of the API without one. */
const isOpen = ({ routeOptions: { url, config } }: FastifyRequest): boolean =>
  config.isOpen === true || /^\/docs(\/|$)/.test(url ?? "");

export function accessHook(service: Service): onRequestHookHandler {
  const failed = new FailedLogins();
  return (request, _reply, done) => {
    try {
      request.who = sender(service, request, failed);
      done();
    } catch (error) {
      done(error as Problem);
    }
  };
}

/** @returns who sends the request   @throws Problem if it may not */
function sender({ tokens }: Service, request: FastifyRequest, failed: FailedLogins): string {
  if (request.routeOptions.url?.startsWith("/health/") === true) return "";
  if (tokens === null) {
    refuseForeignPages(request);
    return "local";
  }
  if (isOpen(request)) return "";
  const name = tokens.nameOf(request.headers.authorization);
  if (name !== null) return name;
  failed.count(request.ip);
  const headers = { "www-authenticate": "Bearer" };
  const problem = "The request has no token that is accepted here";
  throw new Problem("unauthorized", problem, "Send: Authorization: Bearer TOKEN", headers);
}

/**
 * Without tokens, a page of any web site that is open in a browser on this machine could send requests. Its Origin, or
 * the name that it made point here, gives it away. @throws Problem
 */
export function refuseForeignPages({ headers }: Pick<FastifyRequest, "headers">): void {
  if (FORWARDED.some((name) => headers[name] !== undefined))
    throw new Problem(
      "forbidden",
      "The request comes through a proxy, and no tokens are required",
      "Pass --tokens.",
    );
  const host = hostOf(headers.host ?? "");
  if (host === null || !isLoopback(host))
    throw new Problem(
      "forbidden",
      "The request names a host that is not this machine",
      "Use http://127.0.0.1.",
    );
  const { origin } = headers;
  if (origin === undefined) return;
  const from = URL.canParse(origin) ? new URL(origin).host : null;
  if (from !== headers.host)
    throw new Problem(
      "forbidden",
      "The request comes from a page of another site",
      "Use the API from a program.",
    );
}

/** What most proxies add: behind one, any machine can send requests. */
const FORWARDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

function hostOf(header: string): string | null {
  if (!URL.canParse(`http://${header}`)) return null;
  return new URL(`http://${header}`).hostname.replace(/^\[(.*)\]$/, "$1");
}
