/** One scan and one model, side by side with others or alone: what is open, what it shows, and the worker behind it. */
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { GraphFacts } from "@slicestack/volume/onnx";
import { nearestPlace, placeOf, sliceAt, slicePlaces } from "../picture/slice-place.js";
import { namedWindow, windowNames, type ValueWindow, type WindowName } from "../picture/windows.js";
import type { DrawnScan, FoundScan, Reply, Request, ShownResult, Stage } from "../worker/messages.js";

export type ModelState =
  | { kind: "none" }
  | { kind: "opening"; name: string }
  | { kind: "open"; name: string; facts: GraphFacts; isCalibrated: boolean }
  | { kind: "refused"; name: string; message: string };

export interface Refusal {
  message: string;
  /** Whether the scan could be read, so that only its prediction is refused. */
  isRead: boolean;
}

export class Reading {
  readonly model = signal<ModelState>({ kind: "none" });
  readonly scans = signal<readonly FoundScan[]>([]);
  readonly setAside = signal<readonly { name: string; reason: string }[]>([]);
  /** Index of the open scan; null before one is chosen. */
  readonly index = signal<number | null>(null);
  readonly drawn = signal<DrawnScan | null>(null);
  readonly result = signal<ShownResult | null>(null);
  readonly refusal = signal<Refusal | null>(null);
  readonly stage = signal<Stage | "start" | null>("start");
  /** What stopped the page itself; null while it works. */
  readonly broken = signal<string | null>(null);
  /** Why the chosen files could not be taken; null if they could. */
  readonly notTaken = signal<string | null>(null);
  /** Which of the page's own models and scans were chosen last; null for files of the user. */
  readonly offeredModel = signal<string | null>(null);
  readonly offeredScan = signal<string | null>(null);
  /** Whether files were chosen that hold no scan. */
  readonly foundNothing = signal(false);

  /** The crosshair, from 0 to 1 along the patient's left-right, back-front and feet-head axes. */
  readonly place = signal<readonly [number, number, number]>([0.5, 0.5, 0.5]);
  /** Number of slices along those axes, as the picture counts them; null before it is drawn. */
  readonly axes = signal<readonly [number, number, number] | null>(null);
  /** Of the scan, under the crosshair; NaN before it is drawn. */
  readonly value = signal(NaN);
  readonly windowName = signal<WindowName>("full");
  readonly window = signal<ValueWindow>({ level: 0, width: 1 });

  readonly count: ReadonlySignal<number>;
  /** The scan's slice under the crosshair, from 0. */
  readonly slice: ReadonlySignal<number>;
  /** Where the model's axial slices are; empty without a result. */
  readonly places: ReadonlySignal<readonly number[]>;
  /** The model's axial slice under the crosshair; null where it has none. */
  readonly modelSlice: ReadonlySignal<number | null>;

  readonly #worker: Worker;
  /** How many models and lists of files were asked for. What an earlier request brings is left aside. */
  #models = 0;
  #lists = 0;

  constructor() {
    this.#worker = new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
    this.#worker.onerror = ({ message }) => (this.broken.value = message);
    this.count = computed(() => this.axes.value?.[2] ?? axialCount(this.drawn.value, this.result.value));
    this.slice = computed(() => sliceAt(this.place.value[2], this.count.value));
    this.places = computed(() => (this.result.value === null ? [] : slicePlaces(this.result.value.prepared)));
    this.modelSlice = computed(() => nearestPlace(this.places.value, this.place.value[2]));
  }

  /** @param offered the value of the page's own choice; null for a file of the user */
  async openModel(name: string, file: Blob | Promise<Blob>, offered: string | null = null): Promise<void> {
    const number = ++this.#models;
    this.offeredModel.value = offered;
    this.model.value = { kind: "opening", name };
    this.result.value = null;
    try {
      const bytes = await (await file).arrayBuffer();
      if (number === this.#models) this.#ask({ kind: "model", number, bytes }, [bytes]);
    } catch (error) {
      if (number !== this.#models) return;
      this.#ask({ kind: "close" }); // the model before must not go on under this one's name
      this.model.value = { kind: "refused", name, message: (error as Error).message };
    }
  }

  /** @param offered as for openModel */
  async openFiles(files: File[] | Promise<File[]>, offered: string | null = null): Promise<void> {
    if (Array.isArray(files) && files.length === 0) return; // the choice was left without one
    const number = ++this.#lists;
    this.offeredScan.value = offered;
    this.closeScan();
    this.stage.value = "find";
    try {
      const list = await files;
      if (number === this.#lists) this.#ask({ kind: "find", number, files: list });
    } catch (error) {
      if (number !== this.#lists) return;
      this.stage.value = null;
      this.notTaken.value = (error as Error).message;
    }
  }

  openScan(index: number): void {
    for (const one of [this.drawn, this.axes, this.result, this.refusal]) one.value = null;
    this.index.value = index;
    this.stage.value = "read";
    this.#ask({ kind: "scan", index });
  }

  closeScan(): void {
    for (const one of [this.index, this.drawn, this.axes, this.result, this.refusal]) one.value = null;
    this.scans.value = [];
    this.setAside.value = [];
    this.foundNothing.value = false;
    this.notTaken.value = null;
  }

  /** Shows a slice of the scan, from 0. */
  goTo(slice: number): void {
    const last = this.count.value - 1;
    const [x, y] = this.place.value;
    this.place.value = [x, y, placeOf(Math.min(last, Math.max(0, slice)), this.count.value)];
  }

  /** Shows a slice of the model. */
  goToModelSlice(slice: number): void {
    const [x, y] = this.place.value;
    const place = this.places.value[slice];
    if (place !== undefined) this.place.value = [x, y, Math.min(1, Math.max(0, place))];
  }

  useWindow(name: WindowName): void {
    this.windowName.value = name;
    const { drawn } = this;
    if (name !== "own" && drawn.value !== null) this.window.value = namedWindow(name, drawn.value.range);
  }

  setWindow(window: ValueWindow): void {
    this.windowName.value = "own";
    this.window.value = window;
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #ask(request: Request, transfer: Transferable[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #take(data: Reply): void {
    switch (data.kind) {
      case "ready":
        if (this.stage.value === "start") this.stage.value = null;
        return;
      case "broken":
        this.broken.value = data.message;
        return;
      case "stage":
        this.stage.value = data.stage;
        return;
      case "model":
        if (data.number !== this.#models) return;
        this.model.value = { ...data, kind: "open", name: this.#modelName() };
        this.result.value = null; // what came until now is of the model before; the worker predicts again
        this.refusal.value = null;
        return;
      case "modelRefused":
        if (data.number !== this.#models) return;
        this.model.value = { kind: "refused", name: this.#modelName(), message: data.message };
        this.result.value = null;
        if (this.refusal.value?.isRead === true) this.refusal.value = null;
        return;
      case "found":
        if (data.number !== this.#lists) return;
        this.scans.value = data.scans;
        this.setAside.value = data.setAside;
        this.foundNothing.value = data.scans.length === 0;
        if (data.scans.length > 0) this.openScan(largest(data.scans));
        return;
      case "drawn":
        if (data.index === this.index.value) this.#draw(data.scan);
        return;
      case "result":
        if (data.index === this.index.value && this.model.value.kind === "open") this.#show(data.result);
        return;
      case "refused":
        if (data.index === this.index.value)
          this.refusal.value = { message: data.message, isRead: data.isRead };
    }
  }

  #modelName(): string {
    const model = this.model.value;
    return model.kind === "none" ? "" : model.name;
  }

  #draw(scan: DrawnScan): void {
    const isFirst = this.drawn.value === null;
    this.refusal.value = null;
    this.drawn.value = scan;
    if (!isFirst) return; // the same scan again, for another model
    this.place.value = [0.5, 0.5, 0.5];
    this.useWindow(windowNames(scan.unit)[0]!);
  }

  /** Shows the slice that counted most, unless the user has already moved. */
  #show(result: ShownResult): void {
    const isUntouched = this.place.value.every((one) => one === 0.5);
    this.result.value = result;
    const most = mostWeighted(result);
    if (isUntouched && most !== null) this.goToModelSlice(most);
  }
}

/** Slices from feet to head, where no picture counts them. */
function axialCount(drawn: DrawnScan | null, result: ShownResult | null): number {
  if (result !== null) return result.prepared.original.shape[2];
  return drawn?.shape[2] ?? 1;
}

/** The series with the most slices: the others are often localizers. */
function largest(scans: readonly FoundScan[]): number {
  const slices = scans.map(({ slices }) => slices ?? 0);
  return slices.indexOf(Math.max(...slices));
}

export function mostWeighted({ slices }: ShownResult): number | null {
  let most: { slice: number; weight: number } | null = null;
  for (const { slice, weight } of slices)
    if (slice !== null && weight !== null && weight > (most?.weight ?? -1)) most = { slice, weight };
  return most?.slice ?? null;
}
