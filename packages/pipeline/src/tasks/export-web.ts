/** Writes trained models as a folder for a web host: the viewer's page, the ONNX graphs, and the list that names them. */
import { createHash } from "node:crypto";
import { cpSync, createReadStream, existsSync, readdirSync, renameSync, statSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { StagedFolder, writeFileAtomic } from "../data/atomic.js";
import { makeFolder } from "../data/make-folder.js";
import { ExportError } from "../export/export-error.js";
import { isGroup } from "../run/group.js";
import { runPaths } from "../run/folder.js";
import { holdsBundle } from "../trained/is-bundle.js";
import { exportModel, type ExportOptions, type ExportResult } from "./export-model.js";

export interface ExportWebOptions extends Omit<ExportOptions, "to" | "part"> {
  /** Folder of the built viewer: `siteFolder` of @slicestack/viewer. */
  site: string;
}

export interface ExportedWeb extends Omit<ExportResult, "to"> {
  to: "web";
  folder: string;
}

/** What slicestack.json says; addresses are relative to the page. */
interface Offered {
  version: 1;
  /** Whether the browser keeps the page and the models for use without a network. */
  offline: boolean;
  models: { name: string; file: string }[];
  scans: { name: string; files: { name: string; file: string }[] }[];
}

/**
 * @returns files: the page and the graph, whose name holds the beginning of its SHA-256, so that hosts may cache it
 * @throws the errors of exportModel   @throws ExportError if the viewer is not built   @throws FolderError
 */
export async function exportWeb(options: ExportWebOptions): Promise<ExportedWeb> {
  const { site, out, overwrite = false, ...model } = options;
  const folder = resolve(out);
  refuseUnbuilt(site);
  const staged = new StagedFolder(folder, "web", overwrite);
  try {
    cpSync(site, staged.path, { recursive: true });
    const { exported, offered } = await addModel(staged.path, model);
    writeOffered(staged.path, { version: 1, offline: true, models: [offered], scans: [] });
    staged.commit();
    return {
      ...exported,
      to: "web",
      folder,
      files: [join(folder, "index.html"), join(folder, offered.file)],
    };
  } catch (error) {
    staged.abort();
    throw error;
  }
}

export interface ViewOptions extends Omit<ExportOptions, "run" | "out" | "to" | "part" | "overwrite"> {
  /** Runs, groups and bundles, which become models of the page; every other file or folder is a scan. */
  inputs: readonly string[];
  site: string;
  /** An empty folder to write into. */
  folder: string;
}

export interface PreparedView {
  models: string[];
  scans: string[];
  /** The files of the scans, by their address below the page. They are not copied. */
  files: Map<string, string>;
  notes: string[];
}

/** Prepares a page that offers these models and scans. @throws as exportWeb, and if an input does not exist */
export async function prepareView({ inputs, site, folder, ...options }: ViewOptions): Promise<PreparedView> {
  refuseUnbuilt(site);
  const missing = inputs.find((path) => !existsSync(path));
  if (missing !== undefined)
    throw new ExportError(
      `${missing} does not exist`,
      "Name a run, a bundle, or the file or folder of a scan.",
    );
  cpSync(site, folder, { recursive: true });
  const view: PreparedView = { models: [], scans: [], files: new Map(), notes: [] };
  const offered: Offered = { version: 1, offline: false, models: [], scans: [] };
  const trained = new Set<string>();
  for (const path of inputs) if (await isTrained(path)) trained.add(path);
  const scans = inputs.filter((path) => !trained.has(path));
  for (const run of inputs.filter((path) => trained.has(path))) {
    const added = await addModel(folder, { ...options, run });
    offered.models.push(added.offered);
    view.models.push(added.offered.name);
    view.notes.push(...added.exported.notes);
  }
  view.scans = namesOf(scans);
  scans.forEach((path, index) => {
    const files = filesOf(path).map((file, k) => {
      view.files.set(`/scans/${index}/${k}`, file);
      return { name: relative(resolve(path, ".."), file).split(sep).join("/"), file: `scans/${index}/${k}` };
    });
    offered.scans.push({ name: view.scans[index]!, files });
  });
  writeOffered(folder, offered);
  return view;
}

/** A bundle is a zip, as .npz and the archive of a DICOM series are. */
const isTrained = async (path: string): Promise<boolean> =>
  (await holdsBundle(path)) || isGroup(path) || existsSync(runPaths(path).record);

/** The last part of each path, and as many before it as it needs to differ from the others. */
function namesOf(paths: readonly string[]): string[] {
  const parts = paths.map((path) => resolve(path).split(sep));
  const tails = (count: number) => parts.map((one) => one.slice(-count).join("/"));
  return parts.map((own, index) => {
    const isUnique = (count: number) =>
      tails(count).filter((tail) => tail === tails(count)[index]).length === 1;
    let count = 1;
    while (count < own.length && !isUnique(count)) count++;
    return tails(count)[index]!;
  });
}

/** Of a folder the files below it, and those that links lead to. @throws ExportError if there are none */
function filesOf(path: string): string[] {
  const isFile = (one: string) => statSync(one, { throwIfNoEntry: false })?.isFile() ?? false;
  if (isFile(path)) return [resolve(path)];
  const files = readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => resolve(entry.parentPath, entry.name))
    .filter(isFile)
    .sort();
  if (files.length === 0) throw new ExportError(`${path} has no files`, "Name the folder of a scan.");
  return files;
}

function refuseUnbuilt(site: string): void {
  if (!existsSync(join(site, "index.html")))
    throw new ExportError(
      `The viewer's page is missing: ${site} has no index.html`,
      "Install @slicestack/viewer, or in the repository run make build.",
    );
}

async function addModel(folder: string, options: Omit<ExportOptions, "to" | "out" | "part">) {
  makeFolder(join(folder, "models"));
  const graph = join(folder, "models", "model.onnx");
  const exported = await exportModel({ ...options, to: "onnx", out: graph });
  const file = `models/${await shortHash(graph)}.onnx`;
  renameSync(graph, join(folder, file));
  const name = exported.graph?.metadata["slicestack.name"] ?? basename(options.run);
  return { exported, offered: { name, file } };
}

const writeOffered = (folder: string, offered: Offered): void =>
  writeFileAtomic(join(folder, "slicestack.json"), `${JSON.stringify(offered, null, 2)}\n`);

async function shortHash(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(file)) hash.update(part as Uint8Array);
  return hash.digest("hex").slice(0, 16);
}
