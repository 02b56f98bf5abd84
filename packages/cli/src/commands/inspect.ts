import type { InspectOptions } from "@slicestack/pipeline";
import { InvalidArgumentError, Option, type Command } from "commander";
import { EXIT, UsageError, type ExitCode } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseCount } from "./numbers.js";

interface InspectFlags extends CommonOptions {
  id?: string;
  series?: string;
  allowGaps?: boolean;
  unit?: "HU" | "arbitrary";
  window?: [number, number];
  slices?: number | "all";
  columns?: number;
  tile?: number;
  out?: string;
  montage?: string;
  animation?: string;
  histogram?: string;
  source?: string;
  comparison?: string;
  inputs?: boolean;
  config?: string;
  preview?: boolean;
  keepIds?: boolean;
  saltFile?: string;
  overwrite?: boolean;
}

export function addInspect(program: Command, start: Start): void {
  const command = program
    .command("inspect")
    .description("look at a scan, a DICOM export or a prepared data set: facts, histogram, pictures")
    .argument("<path>", "file, folder, zip or .npz that prepare reads, or a prepared data set")
    .option("--id <id>", "which of several volumes, by its id or path")
    .option(
      "--series <choice>",
      "which of several DICOM series: a UID, a regular expression on the description, or thinnest",
    )
    .option("--out <folder>", "folder for all pictures: montage.png, animation.webp, histogram.svg and .png")
    .option("--montage <file>", "slices side by side, as PNG")
    .option("--animation <file>", "an animation through all slices, as GIF or WebP by the file name")
    .option("--histogram <file>", "histogram of the values, as SVG or PNG by the file name")
    .option(
      "--window <low,high>",
      "values shown as black and white (default: -1000,400 for HU, else all values)",
      parseWindow,
    )
    .option(
      "--slices <number>",
      "number of slices in a montage, or all (default: 24, in a comparison 5)",
      parseSlices,
    )
    .option("--columns <number>", "number of columns of a montage", parseCount)
    .option(
      "--tile <pixels>",
      "longer side of each slice (default: its own size, within 128 to 256)",
      parseCount,
    )
    .option("--source <path>", "with --id: compare the prepared volume with its source")
    .option(
      "--comparison <file>",
      "file for that comparison, as PNG (default: comparison-ID.png, in the folder of --out if given)",
    )
    .option("--inputs", "with --id: compare the arrays that the loaders pass to a model; needs libtorch")
    .option("--config <file>", "with --inputs: window and size of this configuration (default: the defaults)")
    .addOption(
      new Option("--unit <unit>", "unit of the values (default: HU for scans, arbitrary for arrays)").choices(
        ["HU", "arbitrary"],
      ),
    )
    .option("--allow-gaps", "interpolate over missing slices of a DICOM series or a folder of slices")
    .option(
      "--preview",
      "three slices as coloured text (default: where stdout is a terminal and COLORTERM says truecolor)",
    )
    .option("--no-preview", "do not show slices as text")
    .option("--keep-ids", "show PatientIDs (default: the same salted hashes as in prepare)")
    .option(
      "--salt-file <file>",
      "secret of those hashes (default: a file of this user, created the first time)",
    )
    .option("--overwrite", "replace existing pictures; those in --out are always replaced");
  addCommon(command, {
    example: "slicestack inspect export.zip --series thinnest --out look",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "The exit code is 3 where the path contains no volume, or where a comparison with --source finds more than rounding; " +
      "it is 1 where loaders differ (--inputs). Names of patients are never read.",
  }).action((path: string, options: InspectFlags) =>
    start(options, (session) => runInspect(path, options, session)),
  );
}

async function runInspect(path: string, flags: InspectFlags, session: Session): Promise<Outcome> {
  const { inspect } = await import("@slicestack/pipeline");
  const { inspectText } = await import("@slicestack/pipeline/internal");
  const result = await inspect(await optionsOf(path, flags, session));
  const { preview: _preview, ...json } = result;
  const { comparison, inputs, usable } = result;
  const differs = inputs !== null && !(inputs.largestDifference === 0);
  const fits = usable && (comparison === null || comparison.withinRounding);
  const code: ExitCode = differs ? EXIT.unexpected : fits ? EXIT.ok : EXIT.data;
  return { code, text: inspectText(result), json };
}

async function optionsOf(
  path: string,
  flags: InspectFlags,
  { onProgress, signal }: Session,
): Promise<InspectOptions> {
  const { loadConfig, usePlugins } = await import("@slicestack/pipeline");
  const { canPreview } = await import("@slicestack/pipeline/internal");
  const { inputs, config, preview, json, verbose: _verbose, ...options } = flags;
  if (config !== undefined && !inputs) throw new UsageError("--config: expected together with --inputs");
  if (flags.comparison !== undefined && flags.source === undefined)
    throw new UsageError("--comparison: expected together with --source PATH");
  if (flags.id !== undefined && flags.series !== undefined)
    throw new UsageError("--id, --series: expected one of the two");
  const given = config === undefined ? {} : { file: config };
  if (inputs) await usePlugins(given);
  const shown = !json && (preview ?? canPreview(process.stdout, process.env));
  return {
    path,
    ...options,
    ...(inputs ? { inputs: loadConfig(given) } : {}),
    ...(shown ? { preview: process.stdout.columns ?? 80 } : {}),
    onProgress,
    signal,
  };
}

function parseWindow(text: string): [number, number] {
  const [, low, high] = /^(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  const window: [number, number] = [Number(low), Number(high)];
  if (window[0] < window[1]) return window;
  throw new InvalidArgumentError("Expected LOW,HIGH, e.g. -1000,400.");
}

function parseSlices(text: string): number | "all" {
  return text === "all" ? text : parseCount(text);
}
