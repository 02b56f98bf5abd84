/**
 * Opens a bundle: every member is checked against its hash, weights are unpacked into the cache under their hash, and
 * code in the bundle runs only if the user allows it.
 */
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { VolumeFileError, VolumeFormatError, type ZipEntry } from "@slicestack/volume";
import { openZipFile, type ZipFile } from "@slicestack/volume/node";
import { AtomicFileWriter, writeFileAtomic } from "../data/atomic.js";
import { openSealed } from "../data/sealed-json.js";
import { cacheDirectory, homeFolder } from "../engine/cache-location.js";
import { writableCache } from "../run/cache-folder.js";
import { decisionSchema } from "../models/decision.js";
import { modelSpecSchema } from "../models/spec.js";
import { BundleError } from "./bundle-error.js";
import { MANIFEST, manifestSchema, type Manifest } from "./bundle-manifest.js";
import type { TrainedMember, TrainedModel } from "./trained-model.js";

/** The most bytes of a member that is read into memory; far more than a contract or a decision needs. */
const MOST_TEXT = 2 ** 26;
const MOST_ENTRIES = 20_000;
const COPY = "Copy or download it again.";

/** Whether a path is a file that starts like a zip. */
export function isBundle(path: string): boolean {
  if (!(statSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) return false;
  const start = Buffer.alloc(4);
  const descriptor = openSync(path, "r");
  try {
    return readSync(descriptor, start, 0, 4, 0) === 4 && start.readUInt32LE(0) === 0x04034b50;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * @param allowPlugins whether modules of the bundle may run
 * @throws BundleError if it is damaged or modified, or contains code that is not allowed   @throws Error of the file
 * system
 */
export async function openBundle(path: string, { allowPlugins = false } = {}): Promise<TrainedModel> {
  const file = resolve(path);
  try {
    await using zip = await openZipFile(file, { limits: { entries: MOST_ENTRIES } });
    return await read(zip, file, allowPlugins);
  } catch (error) {
    if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
    throw new BundleError(file, `cannot be read as a bundle (${error.message})`, COPY, { cause: error });
  }
}

async function read(zip: ZipFile, file: string, allowPlugins: boolean): Promise<TrainedModel> {
  const entries = new Map(zip.entries.map((entry) => [entry.name, entry]));
  const manifest = await manifestOf(entries, file);
  checkMembers(entries, manifest, file);
  refuseCode(manifest, file, allowPlugins);
  const bundle = { file, manifest, entries };
  const plugins = await unpackPlugins(bundle);
  const members: TrainedMember[] = [];
  for (const [k, member] of manifest.members.entries()) {
    const spec = parsed(bundle, `${k}/model.json`, await text(bundle, `${k}/model.json`), modelSpecSchema);
    const hasDecision = entries.has(`${k}/decision.json`);
    const decision = hasDecision
      ? parsed(bundle, `${k}/decision.json`, await text(bundle, `${k}/decision.json`), decisionSchema)
      : null;
    const weights: TrainedMember["weights"] = {};
    for (const stage of member.stages) weights[stage] = await unpackWeights(bundle, `${k}/${stage}.safetensors`);
    members.push({
      source: `${file} (${k})`,
      spec: { ...spec, plugins: spec.plugins.map((plugin) => ({ ...plugin, file: plugins.get(plugin.sha256)! })) },
      decision,
      stages: member.stages,
      precision: member.precision,
      weights,
      owner: null,
    });
  }
  return { path: file, name: manifest.name, members };
}

interface Bundle {
  file: string;
  manifest: Manifest;
  entries: ReadonlyMap<string, ZipEntry>;
}

async function manifestOf(entries: Bundle["entries"], file: string): Promise<Manifest> {
  const entry = entries.get(MANIFEST);
  if (entry === undefined || entry.size > MOST_TEXT)
    throw new BundleError(
      file,
      `is not a bundle: it has no ${MANIFEST}`,
      "Pass a file written by slicestack export --to bundle.",
    );
  try {
    const { value } = openSealed(Buffer.from(await entry.read()).toString("utf8"));
    const found = manifestSchema.safeParse(value);
    if (found.success) return found.data;
    const [issue] = found.error.issues;
    const problem = `its ${MANIFEST} is not of this version (${issue?.path.join(".")}: ${issue?.message})`;
    throw new BundleError(file, problem, "Open it with the version of Slicestack that wrote it, or a later one.");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new BundleError(file, `its ${MANIFEST} is damaged (${error.message})`, COPY, { cause: error });
  }
}

/** Checks that no member is missing or unlisted, and that every size agrees with the manifest. */
function checkMembers(entries: Bundle["entries"], manifest: Manifest, file: string): void {
  const listed = Object.entries(manifest.files);
  for (const [name, { bytes }] of listed) {
    const entry = entries.get(name);
    if (entry === undefined) throw new BundleError(file, `${name} is missing`, COPY);
    if (entry.size !== bytes)
      throw new BundleError(file, `${name} has ${entry.size} bytes, but the manifest lists ${bytes}`, COPY);
  }
  const extra = [...entries.keys()].find((name) => name !== MANIFEST && manifest.files[name] === undefined);
  if (extra !== undefined)
    throw new BundleError(
      file,
      `contains ${extra}, which is not listed in its manifest`,
      "The bundle was modified; obtain a new copy.",
    );
  for (const [k, { stages }] of manifest.members.entries())
    for (const name of [`${k}/model.json`, ...stages.map((stage) => `${k}/${stage}.safetensors`)])
      if (manifest.files[name] === undefined)
        throw new BundleError(file, `${name} is not listed in its manifest`, COPY);
}

function refuseCode({ plugins }: Manifest, file: string, isAllowed: boolean): void {
  if (plugins.length === 0 || isAllowed) return;
  const names = plugins.map(({ name, sha256 }) => `${name} (SHA-256 ${sha256.slice(0, 16)}…)`).join(", ");
  throw new BundleError(
    file,
    `contains code that would run with your permissions: ${names}`,
    "Pass --allow-plugins if you trust its author.",
  );
}

async function text({ file, manifest, entries }: Bundle, name: string): Promise<string> {
  const entry = entries.get(name)!;
  if (entry.size > MOST_TEXT)
    throw new BundleError(file, `${name} has ${entry.size} bytes; at most ${MOST_TEXT} are allowed`, COPY);
  const bytes = Buffer.from(await entry.read());
  checkHash(file, name, createHash("sha256").update(bytes).digest("hex"), manifest);
  return bytes.toString("utf8");
}

function checkHash(file: string, name: string, hash: string, manifest: Manifest): void {
  const expected = manifest.files[name]!.sha256;
  if (hash === expected) return;
  const problem = `${name} has SHA-256 ${hash.slice(0, 12)}…, but the manifest lists ${expected.slice(0, 12)}…; the file was modified`;
  throw new BundleError(file, problem, COPY);
}

interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

function parsed<T>({ file }: Bundle, name: string, json: string, schema: Schema<T>): T {
  const found = schema.safeParse(openSealed(json).value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const problem = `${name} is not of this version (${issue?.path.map(String).join(".")}: ${issue?.message})`;
  throw new BundleError(file, problem, "Open it with the version of Slicestack that wrote it, or a later one.");
}

const cacheOf = (part: string): string => writableCache(cacheDirectory(process.env, homeFolder()), part);

/**
 * @returns the weights' file in the cache, named by its hash; an existing file is reused, and its hash is checked on
 * loading
 */
async function unpackWeights(
  { file, manifest, entries }: Bundle,
  name: string,
): Promise<{ file: string; sha256: string }> {
  const { sha256, bytes } = manifest.files[name]!;
  const target = join(cacheOf("bundles"), `${sha256}.safetensors`);
  if (statSync(target, { throwIfNoEntry: false })?.size === bytes) return { file: target, sha256 };
  mkdirSync(dirname(target), { recursive: true });
  const writer = new AtomicFileWriter(target);
  const hash = createHash("sha256");
  try {
    for await (const piece of entries.get(name)!.stream()) {
      hash.update(piece);
      writer.write(piece);
    }
    checkHash(file, name, hash.digest("hex"), manifest);
    writer.commit();
  } catch (error) {
    writer.abort();
    throw error;
  }
  return { file: target, sha256 };
}

/** @returns a file for each plug-in by its hash, in a place where its imports of Slicestack find this installation */
async function unpackPlugins(bundle: Bundle): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of Object.keys(bundle.manifest.files).filter((one) => one.startsWith("plugins/"))) {
    const folder = cacheOf("plugins");
    linkPackages(folder);
    const target = join(folder, name.slice("plugins/".length));
    writeFileAtomic(target, await text(bundle, name));
    files.set(bundle.manifest.files[name]!.sha256, target);
  }
  return files;
}

/** Links packages above the cache, because a module's imports by package name are resolved in the folders above it. */
function linkPackages(folder: string): void {
  for (const name of ["pipeline", "torch", "stats", "volume"]) {
    const link = join(folder, "node_modules", "@slicestack", name);
    const found = name === "pipeline" ? here() : packageFolder(`@slicestack/${name}`);
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(found, link, "junction");
  }
}

/** packages/pipeline, from dist/src/trained. */
const here = (): string => fileURLToPath(new URL("../../..", import.meta.url));

function packageFolder(name: string): string {
  for (let at = here(); ; at = dirname(at)) {
    const folder = join(at, "node_modules", name);
    if (existsSync(folder)) return folder;
    if (dirname(at) === at) throw new Error(`${name} is not installed next to this package`);
  }
}
