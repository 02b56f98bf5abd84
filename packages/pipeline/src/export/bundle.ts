/** Writes a bundle: one file with a trained model and nothing from its training data. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { createHash } from "node:crypto";
import { basename, extname, resolve } from "node:path";
import { refuseExistingFile } from "../data/owned-folder.js";
import { fileHashSync } from "../data/hash.js";
import { sealedJson } from "../data/sealed-json.js";
import { readMetrics } from "../evaluate/metrics-file.js";
import { modelHash } from "../models/model-hash.js";
import type { ModelSpec } from "../models/spec.js";
import { runPaths } from "../run/folder.js";
import { BundleError } from "../trained/bundle-error.js";
import { BUNDLE_FORMAT, MANIFEST, type Manifest } from "../trained/bundle-manifest.js";
import { findTrained } from "../trained/find-trained.js";
import { writeStoredZip, type Member } from "../trained/stored-zip.js";
import type { TrainedMember } from "../trained/trained-model.js";
import { bundleCard, type BundleMetrics } from "./bundle-card.js";

export interface ExportBundleOptions {
  /** Folder of a run or group, or file of a bundle. */
  model: string;
  /** File to write; the usual extension is .slicestack. */
  out: string;
  /** Licence of the weights. Default "not stated". */
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
 * @throws RunError, BundleError, FolderError   @throws Error of the file system
 */
export async function exportBundle(options: ExportBundleOptions): Promise<ExportedBundle> {
  const { model: path, out, licence = "not stated", overwrite = false } = options;
  refuseExistingFile(out, overwrite);
  const trained = await findTrained(path, options);
  const members: Member[] = [];
  const models: Manifest["members"] = [];
  for (const [k, member] of trained.members.entries()) {
    const hashes: Record<string, string> = {};
    for (const stage of member.stages) {
      const { file, sha256 } = member.weights[stage]!;
      hashes[stage] = sha256 ?? fileHashSync(file);
      members.push({ name: `${k}/${stage}.safetensors`, content: { file } });
    }
    const hash = modelHash(member.spec, hashes);
    members.push({ name: `${k}/model.json`, content: Buffer.from(sealedJson(nameless(member.spec))) });
    // Values that were fitted on other weights would not be applied.
    if (member.decision?.model === hash)
      members.push({ name: `${k}/decision.json`, content: Buffer.from(sealedJson(member.decision)) });
    models.push({ model: hash, stages: member.stages, precision: member.precision });
  }
  const plugins = pluginMembers(trained.members, out);
  members.push(...plugins.map(({ name, content }) => ({ name, content })));
  const metrics = metricsOf(path);
  if (metrics !== null) members.push({ name: "metrics.json", content: Buffer.from(sealedJson(metrics)) });
  const card = bundleCard({ name: trained.name, licence, members: trained.members, metrics });
  members.push({ name: "model-card.md", content: Buffer.from(card) });
  const manifest: Manifest = {
    format: BUNDLE_FORMAT,
    version: 1,
    name: trained.name,
    licence,
    use: "research only; not a medical device",
    members: models,
    plugins: plugins.map(({ title, sha256 }) => ({ name: title, sha256 })),
    files: Object.fromEntries(members.map((member) => [member.name, factsOf(member)])),
  };
  writeStoredZip(out, [{ name: MANIFEST, content: Buffer.from(sealedJson(manifest)) }, ...members]);
  const bytes = Object.values(manifest.files).reduce((sum, one) => sum + one.bytes, 0);
  return { file: resolve(out), bytes, manifest };
}

/** Removes everything that refers to a location on this machine. */
function nameless(spec: ModelSpec): ModelSpec {
  const { source: _, ...recipe } = spec.prepared.recipe;
  const plugins = spec.plugins.map(({ file, sha256 }) => ({ file: `plugins/${sha256}${endingOf(file)}`, sha256 }));
  return { ...spec, prepared: { ...spec.prepared, recipe }, plugins };
}

const endingOf = (file: string): string => (extname(file) === ".js" ? ".js" : ".mjs");

/** An import of another file, which a bundle would not contain. */
const RELATIVE = /(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.{1,2}\/[^"']*)["']/;

/** The files of plug-ins, each once. @throws BundleError if one needs a file that the bundle would not contain */
export function pluginMembers(members: readonly TrainedMember[], out: string) {
  const files = new Map(members.flatMap(({ spec }) => spec.plugins.map(({ file, sha256 }) => [sha256, file] as const)));
  return [...files].map(([sha256, file]) => {
    const content = readFileSync(file);
    const [, relative] = RELATIVE.exec(content.toString("utf8")) ?? [];
    if (relative !== undefined)
      throw new BundleError(
        out,
        `cannot contain the plug-in ${basename(file)}, which imports ${relative}`,
        "Combine the plug-in into one file, for example with esbuild --bundle, and train with that file.",
      );
    return { name: `plugins/${sha256}${endingOf(file)}`, title: basename(file), sha256, content };
  });
}

function factsOf({ content }: Member): { bytes: number; sha256: string } {
  if (content instanceof Uint8Array)
    return { bytes: content.length, sha256: createHash("sha256").update(content).digest("hex") };
  return { bytes: statSync(content.file).size, sha256: fileHashSync(content.file) };
}

/** @returns null for a model that was not evaluated, and for a bundle or a group */
function metricsOf(path: string): BundleMetrics | null {
  const file = runPaths(path).summary;
  if (!existsSync(file) || !existsSync(runPaths(path).record)) return null;
  const { run, test } = readMetrics(file);
  const summary = test.find(({ model }) => model === run.mainModel);
  if (summary === undefined) return null;
  const values = Object.entries(summary.metrics).flatMap(([name, { value, interval }]) =>
    Number.isFinite(value) ? [[name, { value, low: interval.low, high: interval.high }] as const] : [],
  );
  return { dataset: run.dataset, split: run.splitHash, model: run.mainModel, test: Object.fromEntries(values) };
}
