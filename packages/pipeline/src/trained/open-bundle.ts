/**
 * Opens a bundle: every member is checked against its hash, weights are unpacked into the cache under their hash, and
 * code in the bundle runs only if the user allows it.
 */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { VolumeFileError, VolumeFormatError, type ZipEntry } from "@slicestack/volume";
import { openZipFile, type ZipFile } from "@slicestack/volume/node";
import { makeFolder } from "../data/make-folder.js";
import { AtomicFileWriter, writeFileAtomic } from "../data/atomic.js";
import { openSealed, sha256Of } from "../data/sealed-json.js";
import { cacheDirectory, homeFolder } from "../engine/cache-location.js";
import { writableCache } from "../run/cache-folder.js";
import { decisionSchema } from "../models/decision.js";
import { modelSpecSchema, type ModelSpec } from "../models/spec.js";
import { modelHash } from "../models/model-hash.js";
import type { StageName } from "../config/stages.js";
import { BundleError } from "./bundle-error.js";
import { installation, linkPackages } from "./plugin-place.js";
import { MANIFEST, manifestSchema, type Manifest } from "./bundle-manifest.js";
import { indexOfUnlike, type TrainedMember, type TrainedModel } from "./trained-model.js";

/** The most bytes of a member that is read into memory; far more than a contract or a decision needs. */
const MOST_TEXT = 2 ** 26;
const MOST_ENTRIES = 20_000;
const CARD = "model-card.md";
const COPY = "Copy or download it again.";

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
    throwUnreadable(file, error);
  }
}

/** @returns the model card, checked against its hash; null if it has none   @throws BundleError */
export async function cardOfBundle(path: string): Promise<string | null> {
  const file = resolve(path);
  try {
    await using zip = await openZipFile(file, { limits: { entries: MOST_ENTRIES } });
    const entries = new Map(zip.entries.map((entry) => [entry.name, entry]));
    if (!entries.has(CARD)) return null;
    const manifest = await manifestOf(entries, file);
    checkMembers(entries, manifest, file);
    return await text({ file, manifest, entries }, CARD);
  } catch (error) {
    throwUnreadable(file, error);
  }
}

/** Throws an error of the zip as one of the bundle, and any other as it is. */
function throwUnreadable(file: string, error: unknown): never {
  if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
  throw new BundleError(file, `cannot be read as a bundle (${error.message})`, COPY, { cause: error });
}

async function read(zip: ZipFile, file: string, allowPlugins: boolean): Promise<TrainedModel> {
  const entries = new Map(zip.entries.map((entry) => [entry.name, entry]));
  const manifest = await manifestOf(entries, file);
  checkMembers(entries, manifest, file);
  const bundle = { file, manifest, entries };
  const specs: ModelSpec[] = [];
  for (const k of manifest.members.keys())
    specs.push(await parsed(bundle, `${k}/model.json`, modelSpecSchema));
  checkAlike(specs, file);
  checkCode(bundle, specs, allowPlugins);
  const plugins = await unpackPlugins(bundle);
  const members: TrainedMember[] = [];
  for (const [k, member] of manifest.members.entries()) {
    const spec = specs[k]!;
    const decisionName = `${k}/decision.json`;
    const decision = entries.has(decisionName) ? await parsed(bundle, decisionName, decisionSchema) : null;
    const weights: TrainedMember["weights"] = {};
    const hashes: Partial<Record<StageName, string>> = {};
    for (const stage of member.stages) {
      const unpacked = await unpackWeights(bundle, `${k}/${stage}.safetensors`);
      weights[stage] = unpacked;
      hashes[stage] = unpacked.sha256;
    }
    if (modelHash(spec, hashes) !== member.model)
      throw new BundleError(file, `model ${k} is not the one that its manifest names`, COPY);
    members.push({
      source: `${file} (${k})`,
      spec: {
        ...spec,
        plugins: spec.plugins.map((plugin) => ({ ...plugin, file: plugins.get(plugin.sha256)! })),
      },
      decision,
      stages: member.stages,
      precision: member.precision,
      weights,
      owner: null,
    });
  }
  const metrics = entries.has("metrics.json") ? await text(bundle, "metrics.json") : null;
  return { path: file, name: manifest.name, members, bundle: { licence: manifest.licence, metrics } };
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
    const { value, isSealed } = openSealed(Buffer.from(await entry.read()).toString("utf8"));
    if (!isSealed) throw new BundleError(file, `its ${MANIFEST} has lost the SHA-256 at its end`, COPY);
    const parsed = manifestSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const problem = `its ${MANIFEST} is not of this version (${issue?.path.join(".")}: ${issue?.message})`;
    throw new BundleError(
      file,
      problem,
      "Open it with the version of Slicestack that wrote it, or a later one.",
    );
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
    if (entry.compressedSize !== entry.size)
      throw new BundleError(file, `${name} is compressed, which no bundle's members are`, COPY);
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

/** The models of a bundle are averaged: they must see the same scans and know the same classes. */
function checkAlike(specs: readonly ModelSpec[], file: string): void {
  const other = indexOfUnlike(specs);
  if (other >= 0)
    throw new BundleError(
      file,
      `its models 0 and ${other} differ in classes or preparation`,
      "Export it again.",
    );
}

/**
 * Code is what the manifest names, what the archive holds and what the models load: the three must be the same, so that none
 * of it can run without having been named to the user.
 */
function checkCode({ file, manifest }: Bundle, specs: readonly ModelSpec[], isAllowed: boolean): void {
  const held = Object.entries(manifest.files).filter(([name]) => name.startsWith("plugins/"));
  const odd = held.find(([name, { sha256 }]) => name.replace(/\.m?js$/, "") !== `plugins/${sha256}`);
  if (odd !== undefined) throw new BundleError(file, `${odd[0]} is not named by its SHA-256`, COPY);
  const sets = [
    manifest.plugins.map(({ sha256 }) => sha256),
    held.map(([, { sha256 }]) => sha256),
    specs.flatMap(({ plugins }) => plugins.map(({ sha256 }) => sha256)),
  ].map((hashes) => [...new Set(hashes)].sort().join());
  if (new Set(sets).size > 1)
    throw new BundleError(file, "its manifest, its files and its models name different plug-ins", COPY);
  const { plugins } = manifest;
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
  checkHash(file, name, sha256Of(bytes), manifest);
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

async function parsed<T>(bundle: Bundle, name: string, schema: Schema<T>): Promise<T> {
  const { file } = bundle;
  const json = await text(bundle, name);
  let value: unknown;
  try {
    ({ value } = openSealed(json));
  } catch (cause) {
    throw new BundleError(file, `${name} is damaged (${(cause as Error).message})`, COPY, { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const problem = `${name} is not of this version (${issue?.path.map(String).join(".")}: ${issue?.message})`;
  throw new BundleError(
    file,
    problem,
    "Open it with the version of Slicestack that wrote it, or a later one.",
  );
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
  makeFolder(dirname(target));
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
    // A folder for each installation: a plug-in must find the very copy that opens it.
    const folder = join(cacheOf("plugins"), sha256Of(installation()).slice(0, 16));
    linkPackages(folder);
    const target = join(folder, name.slice("plugins/".length));
    writeFileAtomic(target, await text(bundle, name));
    files.set(bundle.manifest.files[name]!.sha256, target);
  }
  return files;
}

/** How many models a bundle holds. @throws BundleError */
export async function modelsInBundle(path: string): Promise<number> {
  const file = resolve(path);
  try {
    await using zip = await openZipFile(file, { limits: { entries: MOST_ENTRIES } });
    const { members } = await manifestOf(new Map(zip.entries.map((entry) => [entry.name, entry])), file);
    return members.length;
  } catch (error) {
    throwUnreadable(file, error);
  }
}
