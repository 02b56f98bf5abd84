import { InvalidArgumentError, Option, type Command } from "commander";
import type { FurtherColumns } from "@slicestack/pipeline";
import { EXIT } from "../exit-codes.js";
import { counted, parseCount, parseSize } from "./numbers.js";
import { addCommon, type Outcome, type Session, type Start } from "../session.js";
import { pathWord } from "../shell.js";
import { prepareOnSlurm } from "./prepare-slurm.js";
import { addSlurmOptions, refuseWithoutSlurm, type SlurmFlags } from "./slurm-options.js";

interface PrepareFlags extends SlurmFlags {
  labels?: string;
  idColumn?: string;
  labelColumn?: string;
  subjectColumn?: string;
  classColumn?: string;
  key?: "path" | "PatientID" | "AccessionNumber" | "StudyInstanceUID" | "SeriesInstanceUID";
  series?: string;
  skipUnlabelled?: boolean;
  keepColumns?: string[];
  size?: [number, number];
  depth?: number | "native";
  crop?: "none" | "lung" | "body";
  margin?: number;
  mask?: string;
  unit?: "HU" | "arbitrary";
  dtype?: "float32";
  allowGaps?: boolean;
  keepIds?: boolean;
  saltFile?: string;
  workers?: number;
  shard?: { index: number; count: number };
  shards?: number;
  name?: string;
  attribution?: string;
  overwrite?: boolean;
}

export function addPrepare(program: Command, start: Start): void {
  const command = program
    .command("prepare")
    .description("turn labelled scans into a prepared data set")
    .argument(
      "<source>",
      "folder of scans (NIfTI, DICOM, NRRD, MetaImage, .npy, slices), a zip of DICOM, or a MedMNIST .npz",
    )
    .argument("<destination>", "folder of the prepared data set")
    .option(
      "--labels <file>",
      "CSV with ids, labels and subjects (default: labels.csv in the source, else its class folders)",
    )
    .option(
      "--id-column <name>",
      "column of the ids (default: the first of id, path, PatientID … that exists)",
    )
    .option("--label-column <name>", "column of the labels (default: label or category)")
    .option("--subject-column <name>", "column of the subjects (default: subject)")
    .option("--class-column <name>", "column of the class names (default: class)")
    .addOption(
      new Option("--key <kind>", "kind of the ids (default: whatever they match)").choices([
        "path",
        "PatientID",
        "AccessionNumber",
        "StudyInstanceUID",
        "SeriesInstanceUID",
      ]),
    )
    .option(
      "--series <choice>",
      "which series of a study with several: thinnest, a UID, or a regular expression on the description",
    )
    .option(
      "--skip-unlabelled",
      "skip volumes without a label and labels without a volume, instead of refusing them",
    )
    .option(
      "--keep-columns <names>",
      "further columns of the labels file to keep, separated by commas (default: all that do not look personal)",
      parseNames,
    )
    .option(
      "--size <height,width>",
      "size of a prepared slice in pixels (default: 128,128 for CT, unchanged for arrays)",
      parseSize,
    )
    .option(
      "--depth <slices>",
      "number of slices of a prepared volume, or native (default: 64 for CT, native for arrays)",
      parseDepth,
    )
    .addOption(
      new Option("--crop <region>", "crop CT to this region (default: none)").choices([
        "lung",
        "body",
        "none",
      ]),
    )
    .option("--margin <mm>", "margin around the region in mm (default: 10)", parseMillimetres)
    .option("--mask <folder>", "crop to the box of your own masks, named like the volumes")
    .addOption(
      new Option("--unit <unit>", "unit of the values of arrays (default: arbitrary)").choices([
        "HU",
        "arbitrary",
      ]),
    )
    .addOption(
      new Option(
        "--dtype <type>",
        "store values without HU as this type, where volumes have several types",
      ).choices(["float32"]),
    )
    .option(
      "--allow-gaps",
      "interpolate over missing slices of a DICOM series or a folder of slices, and record it",
    )
    .option("--keep-ids", "keep PatientIDs and paths of DICOM in the index (default: salted hashes)")
    .option(
      "--salt-file <file>",
      "secret of those hashes (default: a file of this user, created the first time)",
    )
    .option("--workers <number>", "number of threads (default: the available cores)", parseWorkers)
    .option("--shard <i/n>", "prepare piece i of n; slicestack merge combines the pieces", parseShard)
    .option(
      "--shards <number>",
      "with --on slurm: number of pieces, each a job, which are then merged",
      parseCount,
    )
    .option("--name <name>", "name of the data set (default: the destination's)")
    .option("--attribution <text>", "authors and licence of the data, shown in reports")
    .option(
      "--overwrite",
      "replace the destination, and what a stopped preparation with other settings left behind",
    );
  addSlurmOptions(command);
  addCommon(command, {
    example: "slicestack prepare studies data/mosmed --labels studies/labels.csv",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.partly, EXIT.peer, EXIT.stopped],
    notes: "After it was stopped or killed, the same command resumes.",
  }).action((source: string, destination: string, options: PrepareFlags) =>
    start(options, (session) => {
      refuseWithoutSlurm(options);
      if (options.on === undefined) return runPrepare(source, destination, options, session);
      return prepareOnSlurm({ source, destination, flags: options, session, command });
    }),
  );
}

async function runPrepare(
  source: string,
  destination: string,
  flags: PrepareFlags,
  session: Session,
): Promise<Outcome> {
  const { labelsOf, prepare } = await import("@slicestack/pipeline");
  const {
    idColumn,
    labelColumn,
    subjectColumn,
    classColumn,
    json: _json,
    verbose: _verbose,
    ...options
  } = flags;
  const columns = { id: idColumn, label: labelColumn, subject: subjectColumn, class: classColumn };
  session.onFailure(() => "The finished volumes are kept: the same command resumes.");
  const dataset = await prepare({
    source,
    destination,
    ...options,
    columns: Object.fromEntries(Object.entries(columns).filter(([, name]) => name !== undefined)),
    onProgress: session.onProgress,
    signal: session.signal,
  });
  const { info, volumes, left, quarantined, resumed, warnings } = dataset;
  if (resumed > 0) session.log(`resumed after ${counted(resumed, "volume")} that were prepared before`);
  for (const line of columnLines(dataset.columns)) session.log(line);
  for (const { path, reason } of left.slice(0, 20)) session.log(`left out ${path}: ${reason}`);
  if (left.length > 20) session.log(`left out ${left.length - 20} more: --json lists all`);
  const subjects = new Set(volumes.map(({ subject }) => subject)).size;
  const slices = volumes.reduce((sum, { count }) => sum + count, 0);
  for (const { path, source: name, reason } of quarantined.slice(0, 20))
    session.log(
      `quarantined ${path}${name === path ? "" : ` (${name} in dataset.json)`}: ${reason.startsWith(`${path}: `) ? reason.slice(path.length + 2) : reason}`,
    );
  if (quarantined.length > 20)
    session.log(`quarantined ${quarantined.length - 20} more: ${destination}/dataset.json lists all`);
  for (const warning of warnings) session.log(`warning: ${warning}`);
  const official = volumes.every(({ part }) => part !== null);
  const text = [
    `${info.name}: ${counted(volumes.length, "volume")} of ${counted(subjects, "subject")}, ${counted(slices, "slice")} of ${info.height} x ${info.width} (${info.unit}) in ${destination}`,
    ...labelsOf(info).map(
      (label) =>
        `  ${info.classes[label]}: ${counted(volumes.filter((volume) => volume.label === label).length, "volume")}`,
    ),
    ...(quarantined.length > 0
      ? [
          `${quarantined.length === 1 ? "1 volume was" : `${quarantined.length} volumes were`} quarantined: see ${destination}/dataset.json`,
        ]
      : []),
    nextStep(flags, destination, official),
  ].join("\n");
  const result = {
    directory: dataset.directory,
    info,
    volumes: volumes.length,
    slices,
    subjects,
    quarantined,
    left,
    columns: dataset.columns,
    resumed,
    warnings,
  };
  return { code: quarantined.length > 0 ? EXIT.partly : EXIT.ok, text, json: result };
}

function nextStep({ shard }: PrepareFlags, destination: string, official: boolean): string {
  if (shard !== undefined) return `Next, with all ${shard.count} pieces: slicestack merge DATA PIECE...`;
  if (official)
    return `The source has a split: ${destination}/split.json. Next: slicestack audit ${pathWord(destination)}`;
  return `Next: slicestack split ${pathWord(destination)}, then slicestack audit ${pathWord(destination)}`;
}

/** Number of columns that are named; a table of measurements may have thousands. */
const MOST_COLUMNS = 40;

/** Lists which columns of the labels file are in subjects.csv, and so may be published with it. */
export function columnLines({ kept, dropped }: FurtherColumns): string[] {
  const more = ({ length }: readonly unknown[]) => length - MOST_COLUMNS;
  const names = kept.slice(0, MOST_COLUMNS).join(", ") + (more(kept) > 0 ? ` and ${more(kept)} more` : "");
  return [
    ...(kept.length > 0
      ? [`kept from the labels file: ${names} (--keep-columns chooses, --json lists all)`]
      : []),
    ...dropped.slice(0, MOST_COLUMNS).map(({ name, why }) => `dropped the column ${name}: ${why}`),
    ...(more(dropped) > 0 ? [`dropped ${more(dropped)} more columns: --json lists all`] : []),
  ];
}

/** Comma-separated names; an empty list keeps no columns. */
const parseNames = (text: string): string[] =>
  text.trim() === "" ? [] : text.split(",").map((name) => name.trim());

export function parseDepth(text: string): number | "native" {
  if (text === "native") return text;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number of slices, or native.");
}

function parseMillimetres(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected millimetres, 0 or more.");
}

function parseWorkers(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a whole number from 1 to 999.");
}

function parseShard(text: string): { index: number; count: number } {
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return shard;
  throw new InvalidArgumentError("Expected I/N with I from 1 to N, e.g. 2/8.");
}
