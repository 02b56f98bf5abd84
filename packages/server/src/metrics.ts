/** Metrics in the format of Prometheus. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Changed, Predictions } from "./jobs/predictions.js";
import type { WorkerPool } from "./jobs/worker-pool.js";

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Histogram({
    name: "slicestack_http_request_seconds",
    help: "Time of an HTTP request",
    labelNames: ["method", "route", "status"],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #predictions = new Counter({
    name: "slicestack_predictions_total",
    help: "Predictions that were accepted or have ended",
    labelNames: ["model", "state"],
    registers: [this.registry],
  });
  readonly #stages = new Histogram({
    name: "slicestack_stage_seconds",
    help: "Time of a prediction: waiting in the queue, preparing its scans, computing",
    labelNames: ["model", "stage"],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #batches = new Histogram({
    name: "slicestack_batch_scans",
    help: "Scans whose slices were computed together",
    buckets: [1, 2, 4, 8, 16],
    registers: [this.registry],
  });
  readonly #slices = new Counter({
    name: "slicestack_slices_total",
    help: "Slices that were computed",
    registers: [this.registry],
  });
  readonly #bytes = new Counter({
    name: "slicestack_upload_bytes_total",
    help: "Bytes of accepted uploads",
    registers: [this.registry],
  });

  constructor(predictions: Predictions, pool: WorkerPool) {
    collectDefaultMetrics({ register: this.registry });
    const gauge = (name: string, help: string, value: () => number) =>
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    gauge("slicestack_queue_waiting", "Predictions that wait", () => predictions.queue.counts().queued);
    gauge("slicestack_queue_running", "Predictions that run", () => predictions.queue.counts().leased);
    gauge("slicestack_workers_alive", "Processes that predict", () => pool.alive);
    gauge(
      "slicestack_worker_restarts",
      "Workers that were started in place of one that ended",
      () => pool.restarts,
    );
    gauge(
      "slicestack_worker_memory_bytes",
      "Memory of the workers after their last prediction",
      () => pool.rss,
    );
    predictions.events.on("changed", (change) => this.#count(change));
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }

  batch(scans: number, slices: number): void {
    this.#batches.observe(scans);
    this.#slices.inc(slices);
  }

  upload(bytes: number): void {
    this.#bytes.inc(bytes);
  }

  #count({ model, state, waited, seconds }: Changed): void {
    if (state === "running") {
      if (waited !== null) this.#stages.observe({ model, stage: "queue" }, waited / 1000);
      return;
    }
    this.#predictions.inc({ model, state });
    if (seconds === null) return;
    this.#stages.observe({ model, stage: "prepare" }, seconds.prepare);
    this.#stages.observe({ model, stage: "predict" }, seconds.predict);
  }
}
