/** Problems that the API answers with (RFC 9457), and the problem that an error stands for. */
import type { FastifyError } from "fastify";
import type { ProblemBody } from "./schema.js";

const TITLES = {
  "invalid-request": { status: 400, title: "The request is not understood" },
  unauthorized: { status: 401, title: "A token is needed" },
  forbidden: { status: 403, title: "The request is refused" },
  "not-found": { status: 404, title: "There is no such thing here" },
  "request-timeout": { status: 408, title: "The request took too long" },
  "not-ready": { status: 409, title: "The prediction has no result" },
  "already-in-progress": { status: 409, title: "A request with this key is in progress" },
  "too-large": { status: 413, title: "The upload exceeds a limit" },
  "unsupported-media-type": { status: 415, title: "This kind of upload is not accepted" },
  "key-reused": { status: 422, title: "The key belongs to another request" },
  "unusable-upload": { status: 422, title: "The upload cannot be used" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "queue-full": { status: 429, title: "The queue is full" },
  "not-fetched": { status: 502, title: "The study could not be fetched" },
  unexpected: { status: 500, title: "An unexpected error" },
  unavailable: { status: 503, title: "The service is not available" },
  "disk-full": { status: 507, title: "The disk of the server is full" },
} as const;
export type ProblemName = keyof typeof TITLES;

/** A request that cannot be fulfilled, with the answer that says why. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly title: string;
  constructor(
    readonly kind: ProblemName,
    readonly detail: string,
    readonly remedy: string | null = null,
    /** Headers of the answer, such as Retry-After. */
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(remedy === null ? detail : `${detail}. ${remedy}`);
    ({ status: this.status, title: this.title } = TITLES[kind]);
  }

  get body(): ProblemBody {
    const { kind, title, status, detail, remedy } = this;
    return {
      type: `urn:slicestack:problem:${kind}`,
      title,
      status,
      detail,
      ...(remedy === null ? {} : { remedy }),
    };
  }
}

const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The problem that an error stands for. An error that nobody foresaw says nothing of itself: it may name files. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { code, statusCode, message } = error as Partial<FastifyError>;
  if (code !== undefined && FULL.has(code))
    return new Problem(
      "disk-full",
      "The server has no space for the upload",
      "Try again later; tell its operator.",
    );
  if (statusCode === 413 || code?.startsWith("FST_FILES_LIMIT") === true)
    return new Problem(
      "too-large",
      "The upload exceeds a limit of this server",
      "Send fewer or smaller files.",
    );
  if (statusCode === 415)
    return new Problem(
      "unsupported-media-type",
      "Expected multipart/form-data, application/zip, application/dicom, application/octet-stream or application/json",
      "Send the files as a form, one file as the body, or the name of a study as JSON.",
    );
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem("invalid-request", message ?? "The request is not understood");
  return new Problem("unexpected", "The server failed in a way that was not foreseen", "Its log says more.");
}
