import type { PredictOptions, PredictSummary, ScanResult } from "@slicestack/pipeline";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { addComputeOptions, type ComputeFlags } from "./compute-options.js";
import { counted, parseCount } from "./numbers.js";

interface PredictFlags extends CommonOptions, ComputeFlags {
  out?: string;
  explain?: boolean;
  dicom?: string;
  allowPlugins?: boolean;
  series?: string;
  mask?: string;
  operatingPoint?: "youden" | "sensitivity" | "specificity" | "none";
  jobs?: number;
}

export function addPredict(program: Command, start: Start): void {
  const command = program
    .command("predict")
    .description("predict scans with a trained model, straight from their files")
    .argument(
      "<model>",
      "folder of a run, folder of a group (whose members' probabilities are averaged), or file of a bundle",
    )
    .argument(
      "<input...>",
      "scans: files, folders, zips, patterns, DICOMweb addresses of studies and series; - reads a list of them from standard input",
    )
    .option("--out <folder>", "write predictions.csv and a JSON file for each scan")
    .option(
      "--explain",
      "with --out: write Grad-CAM and integrated gradients as NIfTI, in the space of each scan",
    )
    .option(
      "--dicom <folder>",
      "for DICOM scans: write a structured report and a heat-map of each, as objects of its study (they name the patient)",
    )
    .option("--allow-plugins", "run the plug-ins in a bundle with your permissions")
    .option(
      "--series <choice>",
      "which series of a DICOM study: thinnest, a UID, or a regular expression on the description (default: every one)",
    )
    .option("--mask <folder>", "masks named like the scans, for a model trained on volumes cropped to masks")
    .addOption(
      new Option(
        "--operating-point <rule>",
        "decision of two classes: the threshold for Youden's index, 90 % sensitivity or 90 % specificity on the validation set, or none: the larger probability (default: youden)",
      ).choices(["youden", "sensitivity", "specificity", "none"]),
    )
    .option(
      "--jobs <number>",
      "number of threads that read and prepare scans (default: the available cores)",
      parseCount,
    );
  addComputeOptions(command, { threads: "number of threads that compute" });
  addCommon(command, {
    example:
      "slicestack predict runs/lung scan.nii.gz\nslicestack predict runs/lung export.zip --out predicted --explain\nslicestack predict runs/lung export.zip --dicom objects",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.partly, EXIT.engine, EXIT.stopped],
    notes:
      "Warnings report how a scan is unlike the training scans; they change no number. A bearer token for DICOMweb is read from SLICESTACK_DICOMWEB_TOKEN. With --json, each result is a line of JSON as soon as it is known. Exit code 4: some scans could not be predicted, or have no DICOM objects with --dicom; 3: no scan could be predicted.",
  }).action((model: string, inputs: string[], options: PredictFlags) =>
    start(options, (session) => runPredict(model, inputs, options, session)),
  );
}

async function runPredict(
  model: string,
  given: string[],
  flags: PredictFlags,
  session: Session,
): Promise<Outcome> {
  if (flags.explain === true && flags.out === undefined)
    throw new UsageError("--explain writes files: pass --out FOLDER, too.");
  const { json: _json, verbose: _verbose, explain, ...rest } = flags;
  const inputs = given.includes("-")
    ? [...given.filter((input) => input !== "-"), ...(await listed())]
    : given;
  // libtorch is loaded by a thread while this one loads its own code and finds the scans.
  const { startScanSession } = await import("@slicestack/pipeline/internal/scan-session");
  const computing = startScanSession();
  const { predict } = await import("@slicestack/pipeline/internal/predict");
  session.onFailure(() => "The results that were written are complete; run the same command again.");
  const options: PredictOptions = {
    model,
    inputs,
    ...rest,
    session: computing,
    ...(explain === true ? { maps: ["gradcam", "ig"] } : {}),
    onProgress: session.onProgress,
    signal: session.signal,
    onResult: (result) => session.emit(resultText(result), result),
    onFailure: ({ source, reason }) => session.log(`cannot be predicted: ${source}: ${reason}`),
    onDicom: ({ source, heatMap }) => {
      if ("reason" in heatMap) session.log(`${source}: a report and no heat-map: ${heatMap.reason}`);
    },
    onDicomFailure: ({ source, reason }) => session.log(`no DICOM objects: ${source}: ${reason}`),
  };
  const summary = await predict(options);
  if (!summary.model.isCalibrated)
    session.log(
      "warning: the probabilities are not calibrated, and scans are not compared with the training scans, because these weights have not been evaluated with slicestack evaluate",
    );
  logSetAside(summary, session);
  const { results, failed, withoutDicom } = summary;
  const isWhole = failed.length === 0 && withoutDicom.length === 0;
  const code = isWhole ? EXIT.ok : results.length > 0 ? EXIT.partly : EXIT.data;
  return { code, text: "", json: undefined, note: noteOf(summary, flags.dicom ?? null) };
}

/** What was found and not predicted; objects of an earlier prediction are a case of their own, because they are expected. */
function logSetAside({ setAside }: PredictSummary, session: Session): void {
  const isOwn = ({ code }: PredictSummary["setAside"][number]) => code === "own-result";
  const [own, others] = [setAside.filter(isOwn), setAside.filter((one) => !isOwn(one))];
  if (own.length > 0)
    session.log(
      `ignored ${counted(own.length, "DICOM object")} that Slicestack wrote, such as ${own[0]!.path}`,
    );
  if (others.length > 0)
    session.log(
      `${counted(others.length, "file")} set aside, such as ${others[0]!.path}: ${others[0]!.reason}`,
    );
}

function noteOf(
  { results, failed, out, dicom, withoutDicom }: PredictSummary,
  folder: string | null,
): string {
  const done = `${counted(results.length, "scan")} predicted${failed.length > 0 ? `, ${failed.length} could not be` : ""}`;
  const predicted = out === null ? done : `${done}: ${out}`;
  if (folder === null) return predicted;
  const without = withoutDicom.length > 0 ? `, not of ${withoutDicom.length}` : "";
  return `${predicted}\nDICOM objects of ${counted(dicom.length, "scan")} written${without}: ${folder}`;
}

/** Reads paths from standard input, one per line. */
async function listed(): Promise<string[]> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces)
    .toString("utf8")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
}

/** One line per scan: its source, the decision, its probabilities, its set and its warnings. */
function resultText({ source, decision, probabilities, set, warnings, calibrated }: ScanResult): string {
  const shares = Object.entries(probabilities).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  const words = calibrated ? "" : ", not calibrated";
  const sets = set === null ? "" : `; ${((1 - set.miss) * 100).toFixed(0)} % set {${set.classes.join(", ")}}`;
  const threshold =
    decision.threshold === null
      ? ""
      : ` at the threshold ${decision.threshold.toFixed(3)} (${decision.rule})`;
  const line = `${source}: ${decision.class}${threshold} (${shares.join(", ")}${words})${sets}`;
  return [line, ...warnings.map(({ message }) => `  warning: ${message}`)].join("\n");
}
