/**
 * Bearer tokens. The file holds only their hashes, so that reading it gives nobody access. A line is removed to revoke
 * a token, and the file is read again on SIGHUP.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { ServeError } from "./options.js";

export class Tokens {
  #lines: { name: string; hash: Buffer }[];

  /** @throws ServeError if the file cannot be read, or has no token or an unusable line */
  constructor(private readonly file: string) {
    this.#lines = readTokens(file);
    if (this.#lines.length === 0) throw new ServeError(`${file} has no token`, "Add one line for each.");
  }

  /**
   * Reads the file again; the tokens stay as they were if it cannot be read. Without a line, none is accepted any more:
   * the last token can be revoked, too.
   * @throws ServeError
   */
  reload(): void {
    this.#lines = readTokens(this.file);
  }

  /** Whether a token of this name is still accepted. */
  has(name: string): boolean {
    return this.#lines.some((line) => line.name === name);
  }

  /** The name of the token in an Authorization header; null if none is accepted. Takes as long for every token. */
  nameOf(authorization: string | undefined): string | null {
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization ?? "") ?? [];
    if (token === undefined) return null;
    const hash = createHash("sha256").update(token).digest();
    let name: string | null = null;
    for (const line of this.#lines) if (timingSafeEqual(line.hash, hash)) name = line.name;
    return name;
  }
}

const LINE = /^(\S{1,100}) +([0-9a-f]{64})$/i;

function readTokens(file: string): { name: string; hash: Buffer }[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new ServeError(`${file} cannot be read (${(error as Error).message})`, "Name a file of tokens.");
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line, k) => {
    const [, name, hex] = LINE.exec(line.trim()) ?? [];
    if (name === undefined)
      throw new ServeError(
        `${file}: line ${k + 1} is not a name, a space and 64 hexadecimal digits`,
        'Make one with: printf "%s %s\\n" NAME "$(printf %s TOKEN | sha256sum | cut -d" " -f1)"',
      );
    if (name === "local")
      throw new ServeError(
        `${file}: line ${k + 1}: "local" names the predictions that were made without tokens`,
        "Choose another name.",
      );
    return { name, hash: Buffer.from(hex!, "hex") };
  });
}
