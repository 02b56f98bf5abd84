/** One complete configuration for a data set on this machine, each choice with its reason. */
import { stringify } from "yaml";
import { runJob } from "../engine/session.js";
import { taskOptionsOf, type TaskOptions } from "../engine/task-options.js";
import { pathWord } from "../command-line.js";
import { loadConfig } from "../config/load.js";
import type { RunConfig } from "../config/types.js";
import { SplitError } from "../data/errors.js";
import { splitPath } from "../data/split/split.js";
import { openDataset, type Dataset } from "../data/store.js";
import { systemProbe } from "../engine/doctor/probe.js";
import { usableCores } from "../engine/doctor/cpu.js";
import { trunkDepth } from "../models/create-by-name.js";
import { hasPretrained } from "../models/pretrained.js";
import { visible } from "../page/visible.js";
import { splitsOf } from "../train/choose-split.js";
import {
  choose,
  plannedTrunks,
  usefulTrunks,
  type Choice,
  type Machine,
  type Plan,
} from "./choose-config.js";
import { fingerprint, type Fingerprint } from "./fingerprint.js";
import type { NetworkSpeed } from "./choose-network.js";
import type { Measured, MeasureJob } from "./measure-job.js";

export interface PlanOptions extends TaskOptions {
  /** Folder of a prepared data set. */
  data: string;
  /** The time budget of training in seconds; default: as long as the full plan needs. */
  budget?: number;
  /** Default auto. */
  device?: string;
  threads?: number | "auto";
}

export interface PlanResult extends Plan {
  fingerprint: Fingerprint;
  machine: Machine;
  /** The configuration file, each key with its reason. */
  yaml: string;
  config: RunConfig;
}

/** @throws DatasetError, SplitError, LibtorchNotFoundError, ConfigError */
export async function plan(options: PlanOptions): Promise<PlanResult> {
  const { data, budget = null, device = "auto", threads = "auto" } = options;
  const dataset = openDataset(data);
  const facts = fingerprint(dataset, splitsOf(dataset, loadConfig({ text: "" }))[0]!);
  refuseEmptyParts(dataset, facts);
  const { machine } = await measureMachine(facts, { ...taskOptionsOf(options), device, threads });
  const chosen = choose(facts, machine, budget);
  const yaml = planYaml(chosen, facts, machine);
  return {
    ...chosen,
    fingerprint: facts,
    machine,
    yaml,
    config: loadConfig({ file: "the plan", text: yaml }),
  };
}

export interface MeasureOptions extends TaskOptions {
  device: string;
  threads: number | "auto";
  /** Which trunks are measured: all that plans choose from, or only those that may be chosen for these data. Default all. */
  trunks?: "all" | "useful";
  /** Networks for whole volumes whose speed is measured, too. Default none. */
  networks?: NonNullable<MeasureJob["networks"]>;
}

/** Measures, for data like these, the speed of this machine. @throws LibtorchNotFoundError */
export async function measureMachine(
  data: Pick<Fingerprint, "height" | "width" | "classes" | "train">,
  options: MeasureOptions,
): Promise<{ machine: Machine; networks: NetworkSpeed[] }> {
  const { device, threads, trunks = "all", networks = [] } = options;
  const pretrained: string[] = [];
  for (const name of plannedTrunks()) {
    const depth = trunkDepth(name);
    if (depth !== null && (await hasPretrained(depth))) pretrained.push(name);
  }
  const job: MeasureJob = {
    stored: [data.height, data.width],
    classes: data.classes.length,
    models: trunks === "all" ? plannedTrunks() : usefulTrunks(data, pretrained),
    networks,
    compute: { device, threads, precision: "auto" },
  };
  const measured = await runJob<MeasureJob, Measured>(
    new URL("./measure-job.js", import.meta.url),
    job,
    taskOptionsOf(options),
  );
  const probe = systemProbe();
  const machine: Machine = {
    device: measured.device,
    cores: usableCores(probe).usable,
    memoryBytes: probe.totalBytes,
    speeds: measured.speeds,
    pretrained,
  };
  return { machine, networks: measured.networks };
}

/** Checks before minutes of measuring what training would refuse. */
function refuseEmptyParts(dataset: Dataset, { train, val }: Fingerprint): void {
  for (const [part, counts] of Object.entries({ train, val })) {
    if (counts.some((count) => count > 0)) continue;
    throw new SplitError(
      `${splitPath(dataset)}: expected a ${part} part with volumes, it has none`,
      `Draw another split: slicestack split ${pathWord(dataset.directory)} --overwrite   (a part has volumes if its share is above 0 and some class has at least three subjects).`,
    );
  }
}

/** The choices as a configuration file; comments give the reasons. */
export function planYaml({ choices, seconds, warnings }: Plan, data: Fingerprint, machine: Machine): string {
  const head = [
    `Planned for ${data.name}: ${data.classes.map((name, c) => `${name} ${data.train[c]}`).join(", ")} training volumes, ${data.height} x ${data.width} x ${data.depth[1]}.`,
    `Machine: ${machine.device}, ${machine.cores} cores; ${machine.speeds.map(({ model, training, embedding }) => `${model} ${rate(training)} trained, ${rate(embedding)} embedded`).join("; ")} slices per second.`,
    `Estimated: ${Math.max(1, Math.round(seconds / 60))} min.`,
    ...warnings.map((warning) => `Note: ${warning}`),
  ];
  const plain = choices.filter(({ key }) => !key.includes("."));
  const sections = ["transform", "slice", "head", "network"].flatMap((section) => {
    const inside = choices.filter(({ key }) => key.startsWith(`${section}.`));
    if (inside.length === 0) return [];
    return [`${section}:`, ...inside.map((choice) => `  ${line(choice)}`)].join("\n");
  });
  return `${[head.map((text) => `# ${comment(text)}`).join("\n"), plain.map(line).join("\n"), ...sections].join("\n\n")}\n`;
}

/** A class may have any name: a line break in it would end the comment and start a key of the configuration. */
const comment = (text: string): string => visible(text.replace(/\s+/g, " "));

function line({ key, value, reason }: Choice): string {
  const name = key.slice(key.lastIndexOf(".") + 1);
  return `${name}: ${stringify(value, { collectionStyle: "flow" }).trim()} # ${comment(reason)}`;
}

const rate = (perSecond: number): string => String(Math.round(perSecond));
