/**
 * Scans that wait for the engine at the same time are computed together: their slices share batches. A scan that comes
 * alone does not wait for others.
 */
import type { JobRunner } from "../engine/task-options.js";
import type { ScanJob, ScanOutcome, ScanRequest } from "./scan-job.js";
import { SCAN_JOB } from "./scan-session.js";

/** Limits of what is computed together, so that a deep queue does not exhaust the memory. */
const MOST_SCANS = 16;
const MOST_SLICES = 2048;

interface Waiting {
  request: ScanRequest;
  signal: AbortSignal | undefined;
  resolve: (outcome: ScanOutcome) => void;
  reject: (error: unknown) => void;
}

export class ScanBatches {
  readonly #waiting: Waiting[] = [];
  #isRunning = false;

  /** @param onBatch called with the number of scans that were computed together, and of their slices */
  constructor(
    private readonly session: JobRunner,
    private readonly key: string,
    private readonly onBatch: (scans: number, slices: number) => void = () => undefined,
  ) {}

  /** @throws what the engine throws for this scan   @throws the signal's reason */
  predict(request: ScanRequest, signal?: AbortSignal): Promise<ScanOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, signal, resolve, reject });
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#compute(batch);
    this.#isRunning = false;
  }

  /** The oldest scan, and those that can be stacked on it. */
  #take(): Waiting[] {
    for (const one of this.#waiting.filter(({ signal }) => signal?.aborted === true)) {
      this.#waiting.splice(this.#waiting.indexOf(one), 1);
      one.reject(one.signal!.reason);
    }
    const [first] = this.#waiting;
    if (first === undefined) return [];
    const batch: Waiting[] = [];
    let slices = 0;
    for (const one of this.#waiting) {
      const { shape } = one.request.scan;
      const isFull = batch.length === MOST_SCANS || (batch.length > 0 && slices + shape[0] > MOST_SLICES);
      if (isFull || !canBeStacked(one.request, first.request)) continue;
      batch.push(one);
      slices += shape[0];
    }
    for (const one of batch) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return batch;
  }

  /** Where scans fail together, each is computed alone, so that the one at fault fails alone. */
  async #compute(batch: readonly Waiting[]): Promise<void> {
    const scans = batch.map(({ request }) => request);
    // Whoever no longer wants its result need not wait for the others; a batch that nobody wants is waited for.
    const leave = () => {
      const gone = batch.filter(({ signal }) => signal?.aborted === true);
      if (gone.length < batch.length) for (const { reject, signal } of gone) reject(signal!.reason);
    };
    for (const { signal } of batch) signal?.addEventListener("abort", leave);
    try {
      const outcomes = await this.session.run<ScanJob, ScanOutcome[]>(SCAN_JOB, {
        step: "scans",
        key: this.key,
        scans,
      });
      this.onBatch(
        scans.length,
        scans.reduce((sum, { scan }) => sum + scan.shape[0], 0),
      );
      batch.forEach(({ resolve }, k) => resolve(outcomes[k]!));
    } catch (error) {
      if (batch.length === 1) return batch[0]!.reject(error);
      for (const one of batch)
        if (one.signal?.aborted === true) one.reject(one.signal.reason);
        else await this.#compute([one]);
    } finally {
      for (const { signal } of batch) signal?.removeEventListener("abort", leave);
    }
  }
}

/** One size and type. Maps take far longer than probabilities, so that such scans make no other wait for theirs. */
function canBeStacked(one: ScanRequest, other: ScanRequest): boolean {
  if (one === other) return true;
  if (hasMaps(one) || hasMaps(other)) return false;
  const [a, b] = [one.scan, other.scan];
  return a.dtype === b.dtype && a.shape[1] === b.shape[1] && a.shape[2] === b.shape[2];
}

const hasMaps = ({ maps, heatMap }: ScanRequest): boolean => maps.length > 0 || heatMap;
