/** The folder of one prediction: what was asked, the upload, and what came of it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FailedScan, ScanResult } from "@slicestack/pipeline";
import { writeFileAtomic } from "@slicestack/pipeline/internal";
import type { PredictionRequest, ProblemBody, RemoteStudy } from "../schema.js";

/** What was asked, by whom. */
export interface Asked {
  who: string;
  model: string;
  options: Omit<PredictionRequest, "model" | "sendTo">;
  /** Archives to which the DICOM objects are sent. */
  sendTo?: string[];
  /** The study to fetch; null if the scans were uploaded. */
  from?: RemoteStudy | null;
  /** Why the study was not fetched. */
  refusal?: ProblemBody;
  /** Files of the upload. */
  files: string[];
  /** Of the options and the upload: two requests with one key must be equal. */
  fingerprint: string;
}

export interface Outcome {
  results: ScanResult[];
  unreadable: FailedScan[];
  /** DICOM objects, where they were asked for. */
  objects: StoredObject[];
  /** Scans that were predicted, and whose objects could not be written. */
  withoutObjects: FailedScan[];
}

export interface StoredObject {
  kind: "report" | "heat-map";
  /** SOP Instance UID. */
  instance: string;
  /** Relative to the folder of DICOM objects. */
  file: string;
}

export class PredictionFolder {
  constructor(readonly path: string) {}

  get input(): string {
    return join(this.path, "input");
  }

  /** predictions.csv, a JSON file for each scan, and maps. */
  get output(): string {
    return join(this.path, "output");
  }

  /** A folder of DICOM objects for each scan. */
  get dicom(): string {
    return join(this.path, "dicom");
  }

  /** All DICOM objects. */
  get archive(): string {
    return join(this.path, "dicom.zip");
  }

  get asked(): Asked {
    return this.#read<Asked>("request.json");
  }

  /** Whether it was written completely, and its removal has not begun. */
  get isWhole(): boolean {
    return existsSync(join(this.path, "request.json"));
  }

  writeAsked(asked: Asked): void {
    this.#write("request.json", asked);
  }

  /** null until the worker has written it. */
  get outcome(): Outcome | null {
    return existsSync(join(this.path, "outcome.json")) ? this.#read<Outcome>("outcome.json") : null;
  }

  writeOutcome(outcome: Outcome): void {
    this.#write("outcome.json", outcome);
  }

  #read<T>(name: string): T {
    return JSON.parse(readFileSync(join(this.path, name), "utf8")) as T;
  }

  #write(name: string, value: unknown): void {
    writeFileAtomic(join(this.path, name), `${JSON.stringify(value)}\n`);
  }
}
