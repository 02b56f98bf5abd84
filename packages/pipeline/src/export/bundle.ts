/** Writes a bundle: one file with a trained model and nothing from its training data. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { refuseExistingFile } from "../data/owned-folder.js";
import { openSealed, sealedJson, sha256Of } from "../data/sealed-json.js";
import { filesOfPlugin, hashOfPlugin } from "../config/plugin-files.js";
import type { StageName } from "../config/stages.js";
import { portablePlugin, portableSpec } from "../models/portable-spec.js";
import { readMetrics } from "../evaluate/metrics-file.js";
import { decisionFor } from "../models/decision.js";
import { modelHash } from "../models/model-hash.js";
import { runPaths } from "../run/folder.js";
import { BundleError } from "../trained/bundle-error.js";
import { BUNDLE_FORMAT, MANIFEST, type Manifest } from "../trained/bundle-manifest.js";
import { findEnsemble } from "../trained/find-trained.js";
import { writeStoredZip, type Member } from "../trained/stored-zip.js";
import { hashOfWeights } from "../trained/member-weights.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { bundleCard, type BundleMetrics } from "./bundle-card.js";

export interface ExportBundleOptions {
  /** Folder of a run or group, or file of a bundle. Several become one ensemble: the bundle has the members of all. */
  model: string | readonly string[];
  /** File to write; the usual extension is .slicestack. */
  out: string;
  /** Of the weights. Default: that of the bundle which is exported again, else "not stated". */
  licence?: string;
  overwrite?: boolean;
  /** Whether plug-ins may be copied from a bundle that is exported again. */
  allowPlugins?: boolean;
}

export interface ExportedBundle {
  file: string;
  bytes: number;
  manifest: Manifest;
}

/**
 * Exporting the same model gives the same bytes at any time and on any machine.
 * @throws RunError, BundleError, FolderError, CheckpointError   @throws Error of the file system
 */
export async function exportBundle(options: ExportBundleOptions): Promise<ExportedBundle> {
  const { out, overwrite = false } = options;
  refuseExistingFile(out, overwrite);
  const paths = typeof options.model === "string" ? [options.model] : options.model;
  const trained = await findEnsemble(paths, options);
  const licence = options.licence ?? trained.bundle?.licence ?? "not stated";
  const members: Member[] = [];
  const files: Manifest["files"] = {};
  const add = (name: string, text: string | Uint8Array) => {
    const content = Buffer.from(text);
    members.push({ name, content });
    files[name] = { bytes: content.length, sha256: sha256Of(content) };
  };
  const models: Manifest["members"] = [];
  const fitted: TrainedMember[] = [];
  for (const [k, member] of trained.members.entries()) {
    const hashes: Partial<Record<StageName, string>> = {};
    for (const stage of member.stages) {
      const { file } = member.weights[stage]!;
      const sha256 = hashOfWeights(member, stage);
      const name = `${k}/${stage}.safetensors`;
      hashes[stage] = sha256;
      members.push({ name, content: { file } });
      files[name] = { bytes: statSync(file).size, sha256 };
    }
    const hash = modelHash(member.spec, hashes);
    add(`${k}/model.json`, sealedJson(portableSpec(member.spec)));
    // What was fitted for other weights would not be applied.
    const decision = decisionFor(member.decision, hash);
    if (decision !== null) add(`${k}/decision.json`, sealedJson(decision));
    models.push({ model: hash, stages: member.stages, precision: member.precision });
    fitted.push({ ...member, decision });
  }
  const plugins = pluginMembers(trained.members, out);
  for (const { name, content } of plugins) add(name, content);
  const metrics =
    trained.bundle === null ? metricsOf(trained.path, fitted) : keptMetrics(trained.bundle.metrics);
  if (metrics !== null) add("metrics.json", sealedJson(metrics));
  add("model-card.md", bundleCard({ name: trained.name, licence, members: fitted, metrics }));
  const manifest: Manifest = {
    format: BUNDLE_FORMAT,
    version: 1,
    name: trained.name,
    licence,
    use: "research only; not a medical device",
    members: models,
    plugins: plugins.map(({ title, sha256 }) => ({ name: title, sha256 })),
    files,
  };
  writeStoredZip(out, [{ name: MANIFEST, content: Buffer.from(sealedJson(manifest)) }, ...members]);
  const bytes = Object.values(files).reduce((sum, one) => sum + one.bytes, 0);
  return { file: resolve(out), bytes, manifest };
}

/** The files of plug-ins, each once. @throws BundleError if one has changed, or needs what the bundle would not hold */
export function pluginMembers(members: readonly TrainedMember[], out: string) {
  const plugins = new Map(
    members.flatMap(({ spec }) => spec.plugins.map((plugin) => [plugin.sha256, plugin] as const)),
  );
  return [...plugins.values()].map((plugin) => {
    const { file, sha256 } = plugin;
    const refuse = (problem: string, remedy: string): never => {
      throw new BundleError(out, `cannot hold the plug-in ${basename(file)}, which ${problem}`, remedy);
    };
    const [, ...others] = filesOfPlugin(file);
    const alone = "Put the plug-in into one file, for example with esbuild --bundle, and train with that.";
    if (others[0] !== undefined) refuse(`imports ${basename(others[0])}`, alone);
    if (![".js", ".mjs"].includes(extname(file))) refuse("is neither .js nor .mjs", alone);
    if (hashOfPlugin(file) !== sha256) refuse("has changed since the training", "Put the old file back.");
    return { name: portablePlugin(plugin), title: basename(file), sha256, content: readFileSync(file) };
  });
}

const keptMetrics = (text: string | null): BundleMetrics | null =>
  text === null ? null : (openSealed(text).value as BundleMetrics);

/** @returns null for a group, and for a run whose weights were not evaluated */
function metricsOf(path: string, members: readonly TrainedMember[]): BundleMetrics | null {
  const file = runPaths(path).summary;
  const isEvaluated = members.length === 1 && members[0]!.decision !== null;
  if (!isEvaluated || !existsSync(file) || !existsSync(runPaths(path).record)) return null;
  const { run, test } = readMetrics(file);
  const summary = test.find(({ model }) => model === run.mainModel);
  if (summary === undefined) return null;
  const values = Object.entries(summary.metrics).flatMap(([name, { value, interval }]) =>
    [value, interval.low, interval.high].every(Number.isFinite)
      ? [[name, { value, low: interval.low, high: interval.high }] as const]
      : [],
  );
  return {
    dataset: run.dataset,
    split: run.splitHash,
    model: run.mainModel,
    test: Object.fromEntries(values),
  };
}
