/** The chosen scans and the open model. A scan is read once, to be drawn and to be predicted, also by another model. */
import { recipeOf } from "@slicestack/volume";
import { findScans, OnnxPredictor, type ChosenScan, type OnnxRuntime } from "@slicestack/volume/onnx";
import { drawnScan } from "./drawn-scan.js";
import type { Reply, ShownResult } from "./messages.js";

type ReadScan = Awaited<ReturnType<ChosenScan["read"]>>;

export interface ReaderOptions {
  ort: OnnxRuntime;
  codecUrl: () => Promise<string>;
  reply: (message: Reply, transfer?: Transferable[]) => void;
}

export class Reader {
  readonly #options: ReaderOptions;
  #model: OnnxPredictor | undefined;
  #scans: ChosenScan[] = [];
  /** The scan that was asked for last. */
  #asked: number | undefined;
  #read: { index: number; how: string; scan: ReadScan } | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async openModel(bytes: ArrayBuffer, number: number): Promise<void> {
    const { ort, reply } = this.#options;
    await this.closeModel();
    try {
      this.#model = await OnnxPredictor.open(ort, bytes);
    } catch (error) {
      return reply({ kind: "modelRefused", number, message: textOf(error) });
    }
    const { facts, isCalibrated } = this.#model;
    reply({ kind: "model", number, facts, isCalibrated });
    if (this.#asked !== undefined) await this.show(this.#asked); // also one that the model before could not read
  }

  async closeModel(): Promise<void> {
    await this.#model?.[Symbol.asyncDispose]();
    this.#model = undefined;
  }

  async find(files: readonly File[], number: number): Promise<void> {
    const { reply } = this.#options;
    this.#asked = undefined;
    this.#read = undefined;
    reply({ kind: "stage", stage: "find" });
    const { scans, setAside } = await findScans(files);
    this.#scans = scans;
    const found = scans.map(({ source, description, slices }) => ({ source, description, slices }));
    const others = setAside.map(({ name, reason }) => ({ name, reason }));
    reply({ kind: "found", number, scans: found, setAside: others });
    reply({ kind: "stage", stage: null });
  }

  /** Reads a scan, gives what is drawn, then what the model says. */
  async show(index: number): Promise<void> {
    const { reply } = this.#options;
    const scan = this.#scans[index];
    if (scan === undefined) return;
    this.#asked = index;
    let isRead = false;
    try {
      const read = await this.#readScan(index, scan);
      isRead = true;
      const drawn = drawnScan(read.volume, read.isScan);
      reply({ kind: "drawn", index, scan: drawn }, [drawn.nifti]);
      const result = await this.#predict(scan, read);
      if (result !== null) reply({ kind: "result", index, result });
    } catch (error) {
      reply({ kind: "refused", index, message: textOf(error), isRead });
    }
    reply({ kind: "stage", stage: null });
  }

  async #readScan(index: number, scan: ChosenScan): Promise<ReadScan> {
    const { reply, codecUrl } = this.#options;
    const { unit, allowGaps } =
      this.#model === undefined ? { unit: null, allowGaps: false } : recipeOf(this.#model.facts.input);
    const how = JSON.stringify([unit, allowGaps]);
    if (this.#read?.index !== index || this.#read.how !== how) {
      this.#read = undefined;
      reply({ kind: "stage", stage: "read" });
      const options = { unit, allowGaps, codecUrl: await codecUrl() };
      this.#read = { index, how, scan: await scan.read(options) };
    }
    return this.#read.scan;
  }

  async #predict(scan: ChosenScan, read: ReadScan): Promise<ShownResult | null> {
    if (this.#model === undefined) return null;
    const known = { ...scan, read: () => Promise.resolve(read) };
    const { prepared, ...result } = await this.#model.predictScan(known, {
      onStage: (stage) => this.#options.reply({ kind: "stage", stage }),
    });
    const { shape, geometry, original, crop } = prepared;
    return { ...result, prepared: { shape, geometry, original, crop } };
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
