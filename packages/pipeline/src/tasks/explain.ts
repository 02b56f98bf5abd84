/** Explains volumes of a run: maps in the space of their scans, the contribution of each slice, and checks of the maps. */
import { join, resolve } from "node:path";
import { writeNifti } from "@slicestack/volume/node";
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { writeFileAtomic } from "../data/atomic.js";
import { claimFolder, refuseForeign } from "../data/owned-folder.js";
import { spreadOver } from "../data/sampler.js";
import type { Part } from "../data/split/parts.js";
import type { TaskVolume } from "../data/task.js";
import { storedVolume } from "../inspect/read.js";
import { svgToPng } from "../page/drawing.js";
import { ExplainError } from "../explain/errors.js";
import { orderFigure } from "../explain/figure.js";
import { mapPicture } from "../explain/picture.js";
import { mapInSource } from "../explain/source-map.js";
import { MAP_KINDS, type MapKind, type SubjectExplained } from "../explain/subject.js";
import { MAP_NAMES, summarise, capitalised, type Summary } from "../explain/summary.js";
import type { BaselineKind } from "../explain/volume-function.js";
import { verifyOnce } from "../run/verify-once.js";
import type { ExplainEvent, ExplainJob, ExplainOutcome } from "../explain/explain-job.js";
import type { ExplainResult } from "../explain/explain-result.js";
import { openExplained, type ExplainedData } from "./explained-data.js";

export interface ExplainOptions extends TaskOptions {
  /** Folder of a run or a group, or file of a bundle, which needs `data`. Of several models, the maps are averaged. */
  run: string;
  /** Another prepared data set; a bundle and an imported checkpoint need one. */
  data?: string;
  /** Class names of the other data set → classes of the task, if the names differ; "" excludes a class. */
  mapClasses?: Record<string, string>;
  /** Whether the plug-ins in a bundle may run. */
  allowPlugins?: boolean;
  /** The output folder: a new one, or one from an earlier call, in which files with the same names are replaced. */
  out: string;
  /** Volumes by id, or all volumes of subjects; default: of `part`, spread over the classes. */
  ids?: readonly string[];
  /** Default test; of another data set, all of its volumes. */
  part?: Part;
  /** The number of volumes if no ids are given; default 10. */
  count?: number;
  /** The explained class by name; default: the predicted class of each volume. */
  target?: string;
  kinds?: readonly MapKind[];
  /** The layer for Grad-CAM by its name in the model; default: see targetLayer. */
  layer?: string;
  /** Default air. */
  baseline?: BaselineKind;
  /** Points of the path of integrated gradients; default 32. */
  steps?: number;
  /** Deletion, insertion and random weights; default true. */
  check?: boolean;
  /** Slices in each picture; default 12. */
  slices?: number;
  command?: string;
}

const DEFAULTS = { count: 10, steps: 32, slices: 12, baseline: "air" as BaselineKind };
/** The number of steps of deletion and insertion, and of random orders per volume for comparison. */
const CHECK = { steps: 10, draws: 3 };

/**
 * An abort of the signal ends after the current pass through the model; the volumes before it are written, explain.json
 * is not.
 * @throws ExplainError, FolderError, RunError, BundleError, DatasetError, CheckpointError, LibtorchNotFoundError   @throws the signal's reason
 */
export async function explain(options: ExplainOptions): Promise<ExplainResult> {
  const { run, out, signal, command = "" } = options;
  refuseForeign(resolve(out), "pictures");
  const opened = await openExplained(options);
  const job = jobOf(opened, options);
  await verifyOnce(opened.dataset, taskOptionsOf(options));
  claimFolder(resolve(out), "pictures");
  const failed = new AbortController();
  const writer = new Writer(opened, resolve(out), options.slices ?? DEFAULTS.slices, failed);
  const outcome = await runJob<ExplainJob, ExplainOutcome>(
    new URL("../explain/explain-job.js", import.meta.url),
    job,
    {
      ...taskOptionsOf(options),
      signal: signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]),
      onEvent: (event) => writer.add(event as ExplainEvent),
    },
  )
    .catch(async (error: unknown) => {
      await writer.finished(); // a file that could not be written caused the end
      throw error;
    })
    .finally(() => signal?.throwIfAborted());
  const subjects = await writer.finished();
  const summary = summarise(subjects, opened.seed);
  if (summary.maps.length > 0) await writer.figure(summary);
  const { baseline, steps } = job;
  const { dataset, split, models, classes } = opened;
  const result = { out: resolve(out), classes, ...outcome, baseline, steps, subjects, summary };
  const record = {
    version: 1,
    command,
    run: resolve(run),
    method: models[0]!.spec.method,
    dataset: dataset.info.hash,
    split,
    ...result,
  };
  writer.write("explain.json", `${JSON.stringify(record, null, 2)}\n`);
  return { ...result, files: writer.files };
}

function jobOf(opened: ExplainedData, options: ExplainOptions): ExplainJob {
  const {
    steps = DEFAULTS.steps,
    baseline = DEFAULTS.baseline,
    kinds = MAP_KINDS,
    layer = null,
    check = true,
  } = options;
  const { classes, models, dataset, compute, seed } = opened;
  const target = options.target === undefined ? null : classes.indexOf(options.target);
  if (target === -1)
    throw new ExplainError(`class: the run has no ${options.target}`, `It has ${classes.join(", ")}.`);
  const volumes = [...chosenVolumes(opened, options)];
  return {
    models,
    data: dataset.directory,
    compute,
    seed,
    volumes,
    kinds: [...kinds],
    target,
    layer,
    baseline,
    steps,
    check: check ? CHECK : null,
  };
}

function chosenVolumes({ parts, dataset }: ExplainedData, options: ExplainOptions): readonly TaskVolume[] {
  const { ids, part = "test", count = DEFAULTS.count } = options;
  if (ids === undefined) {
    const volumes = parts.all ?? parts[part] ?? [];
    if (volumes.length === 0)
      throw new ExplainError(`the run has no volumes in its ${part} part`, "Name other volumes with --id.");
    // Ordered by class, so that evenly spaced volumes represent each class in proportion.
    return spreadOver(
      [...volumes].sort((a, b) => a.label - b.label),
      count,
    );
  }
  const all = Object.values(parts).flat();
  return ids.flatMap((id) => {
    const found = all.filter((volume) => volume.id === id || volume.subject === id);
    if (found.length > 0) return found;
    const known = dataset.volumes.some((volume) => volume.id === id || volume.subject === id);
    throw new ExplainError(
      `${id}: ${known ? "this volume takes no part in the task of the run" : "no volume or subject of the run's data set has this id"}`,
      `Such as ${all
        .slice(0, 3)
        .map((volume) => volume.id)
        .join(", ")}.`,
    );
  });
}

/** Writes what belongs to a volume while the next one is computed. */
class Writer {
  readonly files: string[] = [];
  readonly #subjects: SubjectExplained[] = [];
  #queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly opened: ExplainedData,
    private readonly out: string,
    private readonly slices: number,
    /** Called if a file cannot be written: later results would be lost, too. */
    private readonly failed: AbortController,
  ) {}

  add(event: ExplainEvent): void {
    this.#subjects.push(event.explained);
    this.#queue = this.#queue.then(() => this.#volume(event));
    // It is awaited at the end; until then nothing else handles its error.
    this.#queue.catch(() => this.failed.abort());
  }

  async finished(): Promise<SubjectExplained[]> {
    await this.#queue;
    return this.#subjects;
  }

  write(name: string, content: string | Uint8Array): void {
    const file = join(this.out, name);
    writeFileAtomic(file, content);
    this.files.push(file);
  }

  async figure(summary: Summary): Promise<void> {
    const svg = await orderFigure(summary.maps);
    this.write("deletion-insertion.svg", svg);
    this.write("deletion-insertion.png", await svgToPng(svg));
  }

  async #volume({ volume, explained, maps }: ExplainEvent): Promise<void> {
    const { dataset, classes } = this.opened;
    const { height, width } = dataset.info;
    const stored = storedVolume(dataset, { ...volume, label: explained.label });
    const placed = volume.unit === "HU"; // arrays do not define sides
    for (const kind of MAP_KINDS) {
      const map = maps[kind];
      if (map === undefined) continue;
      const name = `${volume.id.replaceAll(/[/\\]/g, "__")}-${kind}`;
      const file = join(this.out, `${name}.nii.gz`);
      await writeNifti(file, mapInSource(map, volume, [height, width]));
      this.files.push(file);
      const target = classes[explained.target]!;
      const picture = mapPicture({
        title: [
          [
            titleOf(kind, explained, classes),
            windowText(this.opened, volume.unit),
            ...(placed ? ["the patient's right is on the left"] : []),
          ].join(" · "),
        ],
        volume: stored,
        map,
        isSigned: kind === "ig",
        target,
        unit: kind === "ig" ? "log-odds per voxel" : "no unit",
        slices: explained.slices,
        window: windowOf(this.opened),
        count: this.slices,
        placed,
      });
      this.write(`${name}.png`, await picture.png());
    }
  }
}

function titleOf(
  kind: MapKind,
  { id, label, predicted, target, probabilities }: SubjectExplained,
  names: readonly string[],
): string {
  const percent = (c: number) => `${((probabilities[c] ?? 0) * 100).toFixed(0)} %`;
  const prediction = `predicted ${names[predicted]!} (${percent(predicted)}), true class ${names[label]!}`;
  const asked = target === predicted ? "" : ` · explained: ${names[target]!} (${percent(target)})`;
  return `${id} · ${capitalised(MAP_NAMES[kind])} · ${prediction}${asked}`;
}

/** The window of the model, beyond which it does not see any values. */
function windowText(opened: ExplainedData, unit: TaskVolume["unit"]): string {
  const [low, high] = windowOf(opened);
  const first = opened.models[0]!.spec.input.windows.length === 1 ? "" : "first ";
  return `the model's ${first}window, ${String(low).replace("-", "−")} to ${String(high).replace("-", "−")}${unit === "HU" ? " HU" : ""}`;
}

const windowOf = ({ models }: ExplainedData): [number, number] => models[0]!.spec.input.windows[0]!;
