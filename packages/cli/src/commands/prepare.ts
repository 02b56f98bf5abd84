import { InvalidArgumentError, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { parseSize } from "./numbers.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

interface PrepareOptions extends CommonOptions {
  labels?: string;
  size?: [number, number];
  depth?: number | "native";
  name?: string;
  overwrite?: boolean;
}

export function addPrepare(program: Command, start: Start): void {
  const command = program
    .command("prepare")
    .description("turn a folder of labelled scans into a prepared data set")
    .argument("<source>", "folder of volumes: NIfTI or .npy, in one folder for each class or with a labels file")
    .argument("<destination>", "folder of the prepared data set")
    .option(
      "--labels <file>",
      "CSV with path, label and subject (default: labels.csv in the source, where there is one)",
    )
    .option(
      "--size <height,width>",
      "pixels of a prepared slice (default: 128,128 for CT, unchanged for .npy)",
      parseSize,
    )
    .option(
      "--depth <slices>",
      "slices of a prepared volume, or native (default: 64 for CT, native for .npy)",
      parseDepth,
    )
    .option("--name <name>", "name of the data set (default: the destination's)")
    .option("--overwrite", "replace the destination");
  addCommon(command, {
    example: "slicestack prepare studies data/mosmed --labels studies/labels.csv",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.partly, EXIT.stopped],
  }).action((source: string, destination: string, options: PrepareOptions) =>
    start(options, (session) => runPrepare(source, destination, options, session)),
  );
}

async function runPrepare(
  source: string,
  destination: string,
  options: PrepareOptions,
  session: Session,
): Promise<Outcome> {
  const { prepare } = await import("@slicestack/pipeline");
  const { labels, size, depth, name, overwrite } = options;
  const dataset = await prepare({
    source,
    destination,
    ...(labels === undefined ? {} : { labels }),
    ...(size === undefined ? {} : { size }),
    ...(depth === undefined ? {} : { depth }),
    ...(name === undefined ? {} : { name }),
    ...(overwrite === undefined ? {} : { overwrite }),
    onProgress: session.onProgress,
    signal: session.signal,
  });
  const { info, volumes } = dataset;
  const subjects = new Set(volumes.map(({ subject }) => subject)).size;
  const slices = volumes.reduce((sum, { count }) => sum + count, 0);
  const quarantined = info.quarantined ?? [];
  for (const { source: file, reason } of quarantined) session.log(`quarantined ${file}: ${reason}`);
  const text = [
    `${info.name}: ${volumes.length} volumes of ${subjects} subjects, ${slices} slices of ${info.height} x ${info.width} (${info.unit}) in ${destination}`,
    ...info.classes.map(
      (label, index) => `  ${label}: ${volumes.filter((volume) => volume.label === index).length} volumes`,
    ),
    ...(quarantined.length > 0
      ? [`${quarantined.length} volumes were quarantined: see ${destination}/dataset.json`]
      : []),
    `Next: slicestack train --config FILE --data ${destination}`,
  ].join("\n");
  const json = { directory: dataset.directory, info, volumes: volumes.length, slices, subjects, quarantined };
  return { code: quarantined.length > 0 ? EXIT.partly : EXIT.ok, text, json };
}

function parseDepth(text: string): number | "native" {
  if (text === "native") return text;
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Expected a number of slices, or native.");
}
