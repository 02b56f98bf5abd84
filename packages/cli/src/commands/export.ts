import type { ExportedBundle, ExportOptions, ExportResult } from "@slicestack/pipeline";
import { Option, type Command } from "commander";
import { EXIT, UsageError } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { counted } from "./numbers.js";
import { shownPath } from "../shell.js";

interface ExportFlags extends CommonOptions {
  to: ExportOptions["to"] | "bundle" | "web";
  part?: NonNullable<ExportOptions["part"]>;
  weights: "fp32" | "fp16";
  allowPlugins?: boolean;
  licence?: string;
  overwrite?: boolean;
}

export function addExport(program: Command, start: Start): void {
  const command = program
    .command("export")
    .description(
      "write a trained model: a bundle for Slicestack, an ONNX graph, a page for a web host, a Triton model, or its weights",
    )
    .argument("<run>", "run or group folder, or file of a bundle")
    .argument("<out>", "file to write; a folder for web and triton")
    .addOption(
      new Option(
        "--to <format>",
        "bundle, onnx, web (the viewer's page with the model), triton (ONNX with its configuration) or safetensors",
      )
        .choices(["bundle", "onnx", "web", "triton", "safetensors"])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--part <part>",
        "part of a 2D or 2.5D model: trunk (voxels to features) or head (features to probabilities) (default: whole)",
      ).choices(["whole", "trunk", "head"]),
    )
    .addOption(
      new Option(
        "--weights <precision>",
        "fp16 halves the file; refused if a decision on the validation set changes",
      )
        .choices(["fp32", "fp16"])
        .default("fp32"),
    )
    .option("--licence <text>", "licence of the weights, kept in the file (default: not stated)")
    .option("--allow-plugins", "run or copy the plug-ins of a bundle with your permissions")
    .option("--overwrite", "replace the file or folder of an earlier export");
  addCommon(command, {
    example:
      "slicestack export runs/mosmed mosmed.slicestack --to bundle\nslicestack export runs/mosmed model.onnx --to onnx",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine, EXIT.stopped],
    notes:
      "Inputs, outputs and metadata of the graph: docs/reference/onnx.md. See also docs/how-to/export.md.",
  }).action((run: string, out: string, options: ExportFlags) =>
    start(options, (session) => runExport(run, out, options, session)),
  );
}

async function runExport(run: string, out: string, flags: ExportFlags, session: Session): Promise<Outcome> {
  if (flags.to === "bundle") return exportAsBundle(run, out, flags);
  if (flags.to === "web") return exportAsPage(run, out, flags, session);
  const { exportModel } = await import("@slicestack/pipeline");
  const { onProgress, signal } = session;
  const { to, part, licence, overwrite = false } = flags;
  const result = await exportModel({
    run,
    out,
    to,
    overwrite,
    weights: flags.weights === "fp16" ? "float16" : "float32",
    ...(part === undefined ? {} : { part }),
    ...(licence === undefined ? {} : { licence }),
    allowPlugins: flags.allowPlugins ?? false,
    onProgress,
    signal,
  });
  return { code: EXIT.ok, text: exportText(result), json: result };
}

async function exportAsBundle(model: string, out: string, flags: ExportFlags): Promise<Outcome> {
  if (flags.part !== undefined || flags.weights === "fp16")
    throw new UsageError(
      "a bundle contains the whole model in float32: omit --part and --weights, or export to onnx",
    );
  const { exportBundle } = await import("@slicestack/pipeline");
  const { licence, overwrite = false, allowPlugins = false } = flags;
  const result = await exportBundle({
    model,
    out,
    overwrite,
    allowPlugins,
    ...(licence === undefined ? {} : { licence }),
  });
  return { code: EXIT.ok, text: bundleText(result), json: result };
}

async function exportAsPage(
  run: string,
  out: string,
  flags: ExportFlags,
  session: Session,
): Promise<Outcome> {
  if (flags.part !== undefined)
    throw new UsageError("a page holds the whole model: omit --part, or export to onnx");
  const { exportWeb } = await import("@slicestack/pipeline");
  const { siteFolder } = await import("@slicestack/viewer");
  const { licence, overwrite = false, allowPlugins = false, weights } = flags;
  const result = await exportWeb({
    run,
    out,
    site: siteFolder,
    overwrite,
    allowPlugins,
    weights: weights === "fp16" ? "float16" : "float32",
    ...(licence === undefined ? {} : { licence }),
    onProgress: session.onProgress,
    signal: session.signal,
  });
  const lines = [`Written: ${shownPath(result.folder)}, to be put on a web host`, ...result.notes];
  return { code: EXIT.ok, text: lines.join("\n"), json: result };
}

function bundleText({ file, bytes, manifest }: ExportedBundle): string {
  const isEvaluated = manifest.members.every((_, k) => manifest.files[`${k}/decision.json`] !== undefined);
  return [
    `Written: ${shownPath(file)} (${(bytes / 1e6).toFixed(1)} MB, ${counted(manifest.members.length, "model")})`,
    ...(isEvaluated
      ? []
      : [
          "The model has not been evaluated, so its bundle has no calibration. Run slicestack evaluate, then export again.",
        ]),
    `Next: slicestack predict ${shownPath(file)} SCAN`,
  ].join("\n");
}

function exportText({ files, graph, notes }: ExportResult): string {
  const shape = (name: string, type: string, sizes: readonly (string | number)[]) =>
    `${name} ${type} [${sizes.join(", ")}]`;
  const tensors = (
    title: string,
    infos: readonly { name: string; type: string; shape: readonly (string | number)[] }[],
  ) =>
    infos.map(
      (info, k) => `${k === 0 ? title : " ".repeat(title.length)} ${shape(info.name, info.type, info.shape)}`,
    );
  const about =
    graph === null ? [] : [...tensors("Inputs: ", graph.inputs), ...tensors("Outputs:", graph.outputs)];
  return [...about, ...files.map((file) => `Written: ${shownPath(file)}`), ...notes].join("\n");
}
