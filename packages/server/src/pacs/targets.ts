/**
 * The archives that a server pulls studies from and sends results to: a file in YAML, whose logins are names of environment
 * variables, so that it holds no secret.
 */
import { readFileSync } from "node:fs";
import type { RequestOptions } from "@slicestack/pipeline";
import { parse, YAMLParseError } from "yaml";
import { z } from "zod";
import { ServeError } from "../options.js";
import { Problem } from "../problem.js";
import type { Pacs } from "../schema.js";

/** An archive with a DICOMweb service. */
export interface Target {
  name: string;
  /** The service, without a slash at its end: https://pacs.example/dicom-web */
  url: string;
  login: { user: string; password: string } | null;
  token: string | null;
  pull: boolean;
  push: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/;
const targetSchema = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  login: z.string().optional(),
  token: z.string().optional(),
  pull: z.boolean().default(true),
  push: z.boolean().default(true),
});
const fileSchema = z.record(z.string().regex(NAME), targetSchema);

export class Targets {
  #all: ReadonlyMap<string, Target>;

  /** @param file null where no archive is configured   @throws ServeError */
  constructor(
    private readonly file: string | null,
    private readonly env: NodeJS.ProcessEnv = process.env,
  ) {
    this.#all = this.#read();
  }

  /** Reads the file again; the targets stay as they were if it cannot be read. @throws ServeError */
  reload(): void {
    this.#all = this.#read();
  }

  get all(): readonly Target[] {
    return [...this.#all.values()];
  }

  find(name: string): Target | null {
    return this.#all.get(name) ?? null;
  }

  /** @throws Problem if there is no such archive, or it is not for this */
  for(name: string, purpose: "pull" | "push"): Target {
    const target = this.find(name);
    if (target?.[purpose] === true) return target;
    const names = this.all.filter((one) => one[purpose]).map((one) => one.name);
    throw new Problem(
      "invalid-request",
      `There is no PACS of that name to ${purpose === "pull" ? "fetch studies from" : "send results to"}`,
      names.length === 0 ? "The operator configures them: --pacs FILE." : `There are ${names.join(", ")}.`,
    );
  }

  /** What clients see of them. */
  get published(): Pacs[] {
    return this.all.map(({ name, pull, push }) => ({ name, pull, push }));
  }

  #read(): ReadonlyMap<string, Target> {
    const { file } = this;
    if (file === null) return new Map();
    const parsed = fileSchema.safeParse(contentOf(file));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new ServeError(
        `${file}: ${issue!.path.join(".")}: ${issue!.message}`,
        "Expected NAME: {url, login, token, pull, push}.",
      );
    }
    return new Map(Object.entries(parsed.data).map(([name, one]) => [name, this.#target(name, one)]));
  }

  #target(name: string, { url, login, token, pull, push }: z.output<typeof targetSchema>): Target {
    const { username, password, search, hash } = new URL(url);
    if (username !== "" || password !== "")
      throw new ServeError(
        `${this.file}: ${name}.url holds a user name or a password`,
        "Put NAME:PASSWORD into an environment variable, and its name at login.",
      );
    if (search !== "" || hash !== "")
      throw new ServeError(
        `${this.file}: ${name}.url has a query`,
        "Name the service: https://HOST/dicom-web.",
      );
    return {
      name,
      url: url.replace(/\/+$/, ""),
      login: login === undefined ? null : loginOf(this.#variable(name, login), login),
      token: token === undefined ? null : this.#variable(name, token),
      pull,
      push,
    };
  }

  #variable(target: string, variable: string): string {
    const value = this.env[variable];
    if (value !== undefined && value !== "") return value;
    throw new ServeError(
      `${this.file}: ${target} needs the environment variable ${variable}, which is not set`,
      "Set it for the process of the server.",
    );
  }
}

/** How requests to an archive are signed. The token of the command line is meant for other archives. */
export function requestOptionsOf({ login, token }: Target, signal: AbortSignal): RequestOptions {
  return {
    login,
    ...(token === null ? {} : { token }),
    env: { ...process.env, SLICESTACK_DICOMWEB_TOKEN: undefined },
    signal,
  };
}

function loginOf(text: string, variable: string): { user: string; password: string } {
  const colon = text.indexOf(":");
  if (colon < 1) throw new ServeError(`${variable} is not NAME:PASSWORD`, "Set it again.");
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function contentOf(file: string): unknown {
  try {
    return parse(readFileSync(file, "utf8")) ?? {};
  } catch (error) {
    const reason = error instanceof YAMLParseError ? error.message.split("\n")[0] : (error as Error).message;
    throw new ServeError(`${file} cannot be read (${reason})`, "Name a YAML file of archives.");
  }
}
