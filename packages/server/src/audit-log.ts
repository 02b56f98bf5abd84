/**
 * Who asked for what, when, and with which model: a line of JSON each, without patient data. Identifiers of scans are
 * hashed with a key that stays in the data folder, so that an entry can be matched to a known scan but not reversed.
 */
import { createHmac, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@slicestack/pipeline/internal";

/** Beyond this, a new file is begun. */
const MOST_BYTES = 64 * 2 ** 20;

export interface AuditEntry {
  /** Name of the token; "local" if none is required. */
  who: string;
  action: "predict" | "fetch" | "done" | "failed" | "read" | "deliver" | "delete" | "expire";
  prediction: string;
  model: string;
  /** modelHash of the weights; null until a worker has opened the model. */
  modelSha256?: string | null;
  /** Where a study was fetched from, or results were sent. */
  pacs?: string;
  /** Hashes of the ids of the scans. */
  scans?: readonly string[];
}

export class AuditLog {
  readonly #file: string;
  readonly #key: Buffer;

  constructor(folder: string) {
    this.#file = join(folder, "audit.jsonl");
    const keyFile = join(folder, "audit.key");
    if (!existsSync(keyFile)) writeFileAtomic(keyFile, `${randomBytes(32).toString("hex")}\n`);
    this.#key = Buffer.from(readFileSync(keyFile, "utf8").trim(), "hex");
  }

  write(entry: AuditEntry): void {
    if ((statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) > MOST_BYTES) this.#rotate();
    appendFileSync(this.#file, `${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`, {
      mode: 0o600,
    });
  }

  /** The full file stays beside the new one, under the time of its end; nothing is ever deleted. */
  #rotate(): void {
    const time = new Date().toISOString().replaceAll(":", "-");
    renameSync(this.#file, this.#file.replace(/\.jsonl$/, `-${time}.jsonl`));
  }

  hashed(id: string): string {
    return createHmac("sha256", this.#key).update(id).digest("hex");
  }
}
