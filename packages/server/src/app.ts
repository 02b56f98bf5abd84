/** The HTTP application: plug-ins, access, limits, problems and routes. */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import helmet from "@fastify/helmet";
import multipart from "@fastify/multipart";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { accessHook } from "./access.js";
import type { Service } from "./service.js";
import { openApiInfo } from "./open-api.js";
import { Problem, problemOf } from "./problem.js";
import { addHealthRoutes } from "./routes/health.js";
import { addModelRoutes } from "./routes/models.js";
import { addObjectRoutes } from "./routes/objects.js";
import { addPacsRoutes } from "./routes/pacs.js";
import { addPredictionRoutes } from "./routes/predictions.js";
import { addViewerRoutes } from "./routes/viewer.js";
import { acceptJson } from "./upload/json-body.js";

/** Kinds of a body that is one file; a form has its own parser. */
const FILE_TYPES = ["application/zip", "application/gzip", "application/dicom", "application/octet-stream"];
/** Room for the parts of a form besides its files. */
const FORM_BYTES = 16 * 2 ** 20;

export async function createApp(service: Service): Promise<FastifyInstance> {
  const { settings } = service;
  const app = Fastify({
    bodyLimit: settings.maxUpload + FORM_BYTES,
    requestTimeout: 0, // uploads have a limit of their own, which depends on their progress
    keepAliveTimeout: 10_000,
    http: { headersTimeout: 15_000 },
    routerOptions: { maxParamLength: 200 },
    genReqId: () => "",
    frameworkErrors: (error, _request, reply) => answerWith(reply, problemOf(error)),
    clientErrorHandler: refuseMalformed,
  });
  // Requests are read by the zod schemas, which are also what OpenAPI is made of.
  app.setValidatorCompiler(() => (value: unknown) => ({ value }));
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.removeAllContentTypeParsers();
  for (const type of FILE_TYPES)
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
  acceptJson(app);
  answerWithProblems(app, service);
  logRequests(app, service);
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { "default-src": ["'none'"], "frame-ancestors": ["'none'"] },
    },
    hsts: false, // the proxy that ends TLS decides
  });
  app.decorateRequest("who", "");
  app.addHook("onRequest", accessHook(service));
  await app.register(rateLimit, {
    max: settings.rate,
    timeWindow: 60_000,
    keyGenerator: (request) => request.who || request.ip,
    errorResponseBuilder: (_request, { ttl }) =>
      new Problem(
        "too-many-requests",
        `More than ${settings.rate} requests a minute`,
        `Wait ${Math.ceil(ttl / 1000)} s.`,
      ),
  });
  await app.register(multipart);
  await app.register(swagger, { openapi: openApiInfo });
  await app.register(swaggerUi, { routePrefix: "/docs", staticCSP: true });
  addHealthRoutes(app, service);
  addModelRoutes(app, service);
  addPredictionRoutes(app, service);
  addObjectRoutes(app, service);
  addPacsRoutes(app, service);
  addViewerRoutes(app, settings.viewer);
  await app.ready();
  return app;
}

function answerWithProblems(app: FastifyInstance, { log }: Service): void {
  app.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error);
    // Only the kind of an error that was not foreseen: its message may name files of a patient.
    if (problem.kind === "unexpected") log("error", "unexpected", { kind: kindOf(error) });
    answerWith(reply, problem);
  });
  app.setNotFoundHandler(() => {
    throw new Problem("not-found", "There is no such address", "GET /docs lists them.");
  });
}

function answerWith(reply: FastifyReply, { status, headers, body }: Problem): void {
  void reply.status(status).headers(headers).type("application/problem+json").send(body);
}

/** What is not HTTP, or has headers beyond the limits, reaches no route. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return void socket.destroy();
  const { status, body } = problemOfMalformed(error.code);
  const text = JSON.stringify(body);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n`;
  if (socket.writable) socket.write(head + text);
  socket.destroySoon();
}

function problemOfMalformed(code: string | undefined): Problem {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new Problem("request-timeout", "The headers of the request did not arrive in time");
  if (code === "HPE_HEADER_OVERFLOW")
    return new Problem("invalid-request", "The headers of the request are too long", "Send fewer headers.");
  return new Problem("invalid-request", "The request is not HTTP");
}

const kindOf = (error: unknown): string => {
  const { name, code, stack } = error as NodeJS.ErrnoException;
  const places = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return [
    name,
    code,
    ...places.slice(0, 4).map((line) => line.trim().replace(/file:\/\/\S*\/(?=\S+\/\S+$)/, "")),
  ].join(" ");
};

/** A line for each request. The route, not the address: an address may hold what a client calls a patient. */
function logRequests(app: FastifyInstance, { log, metrics, settings }: Service): void {
  app.addHook("onResponse", (request, reply, done) => {
    endLate(request.raw, settings.uploadStall);
    const route = request.routeOptions.url ?? "none";
    const seconds = reply.elapsedTime / 1000;
    metrics.request(request.method, route, reply.statusCode, seconds);
    if (!route.startsWith("/health") && route !== "/metrics")
      log("info", "request", {
        method: request.method,
        route,
        status: reply.statusCode,
        seconds: round(seconds),
        who: request.who,
      });
    done();
  });
}

/** The rest of a body whose request was answered without it is discarded, but not for ever. */
function endLate(request: IncomingMessage, milliseconds: number): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.socket.destroy(), milliseconds).unref();
  request.once("close", () => clearTimeout(timer));
}

const round = (seconds: number): number => Number(seconds.toFixed(4));
