/**
 * torchvision's ResNet weights for ImageNet, found on this machine or downloaded into the user's cache.
 * `imagenet` is IMAGENET1K_V1 for every depth, the meaning of `pretrained=True`; `imagenet_v2` is the later recipe,
 * which torchvision offers only for ResNet-50 among these. https://pytorch.org/vision/stable/models.html
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { writeFileAtomic } from "../data/atomic.js";
import { CheckpointError } from "@slicestack/torch/safetensors";
import { isSystemError } from "../engine/system-errors.js";
import { cacheDirectory, homeFolder } from "../engine/cache-location.js";
import { writableCache } from "../run/cache-folder.js";
import { download, type DownloadOptions, type PinnedFile } from "../run/download.js";
import { fileHash } from "../data/hash.js";
import type { ResNetDepth } from "./trunks/resnet.js";

const site = "https://download.pytorch.org/models";

// torchvision's names hold the first eight digits of the hash.
const files: Record<string, Partial<Record<ResNetDepth, PinnedFile>>> = {
  imagenet: {
    18: pinned(18, "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec", 46_830_571),
    34: pinned(34, "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f", 87_319_819),
    50: pinned(50, "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a", 102_530_333),
  },
  imagenet_v2: {
    50: pinned(50, "11ad3fa62ca79e40addfd354a8ec4b7c75143b3038b8d2a807fbc68deab379ca", 102_540_417),
  },
};

function pinned(depth: ResNetDepth, sha256: string, bytes: number): PinnedFile {
  return { url: `${site}/resnet${depth}-${sha256.slice(0, 8)}.pth`, sha256, bytes };
}

/** A file of pretrained weights with a known content. */
export interface PinnedWeights extends PinnedFile {
  /** The value of `slice.pretrained`. */
  name: string;
  /** The trunk that it is for. */
  trunk: string;
  /** Under which terms it may be used, in a sentence. */
  licence: string;
}

const LICENCE =
  "BSD 3-Clause (torchvision). Trained on ImageNet, whose images are for non-commercial research: torchvision leaves it to you whether that binds the weights.";

/** Every file that a name of `slice.pretrained` stands for. */
export const pinnedWeights: readonly PinnedWeights[] = Object.entries(files).flatMap(([name, byDepth]) =>
  Object.entries(byDepth).map(([depth, file]) => ({
    name,
    trunk: `resnet${depth}`,
    licence: LICENCE,
    ...file,
  })),
);

/** The path of a file on this machine; null if it would have to be downloaded. @throws CheckpointError for a wrong one in SLICESTACK_WEIGHTS */
export function pinnedOnThisMachine(
  file: PinnedFile,
  { env = process.env, home = homeFolder() }: Pick<FindOptions, "env" | "home"> = {},
): Promise<string | null> {
  return onThisMachine(file, { env, home });
}

export interface FindOptions extends Pick<DownloadOptions, "onProgress" | "signal" | "patience" | "pause"> {
  /**
   * SLICESTACK_WEIGHTS: a folder that is searched first. SLICESTACK_WEIGHTS_URL: a mirror to download from instead of
   * torchvision's site. HTTPS_PROXY, NO_PROXY etc.: the proxy. TORCH_HOME, XDG_CACHE_HOME: the caches of PyTorch and other programs.
   */
  env?: Record<string, string | undefined>;
  home?: string;
}

/** Turns the value of `slice.pretrained` into the path of a file: a path is unchanged, the weights that a name stands for are found or downloaded. */
export async function findPretrained(
  name: string,
  depth: ResNetDepth | null,
  options: FindOptions = {},
): Promise<string> {
  if (!Object.hasOwn(files, name) || depth === null) return name;
  const file = files[name]?.[depth];
  if (file === undefined)
    throw new CheckpointError(
      name,
      `torchvision has no such weights for ResNet-${depth}`,
      "Set slice.pretrained to imagenet.",
    );
  return findPinned(file, options);
}

/** Whether torchvision's ImageNet weights for a depth are already on this machine; nothing is downloaded. @throws CheckpointError */
export async function hasPretrained(
  depth: ResNetDepth,
  options: Pick<FindOptions, "env" | "home"> = {},
): Promise<boolean> {
  const { env = process.env, home = homeFolder() } = options;
  const file = files["imagenet"]?.[depth];
  return file !== undefined && (await onThisMachine(file, { env, home })) !== null;
}

async function onThisMachine(
  file: PinnedFile,
  { env, home }: Required<Pick<FindOptions, "env" | "home">>,
): Promise<string | null> {
  const name = basename(new URL(file.url).pathname);
  const given = env["SLICESTACK_WEIGHTS"];
  if (given !== undefined && given !== "" && existsSync(join(given, name))) {
    const path = join(given, name);
    const actual = await fileHash(path);
    if (actual === file.sha256) return path;
    throw new CheckpointError(
      path,
      `has the SHA-256 ${actual}, expected ${file.sha256}`,
      `Download it from ${file.url}.`,
    );
  }
  const folder = join(cacheDirectory(env, home), "weights");
  const torchHome = env["TORCH_HOME"] || join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "torch");
  for (const path of [join(folder, name), join(torchHome, "hub", "checkpoints", name)])
    if (existsSync(path) && (await hashIfReadable(path)) === file.sha256) return path;
  return null;
}

async function hashIfReadable(path: string): Promise<string | null> {
  try {
    return await fileHash(path);
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

/**
 * Searches SLICESTACK_WEIGHTS, the cache of Slicestack and that of PyTorch, and otherwise downloads the file. Every
 * file is checked by its hash before it is used. @throws CheckpointError, DownloadError
 */
export async function findPinned(file: PinnedFile, options: FindOptions = {}): Promise<string> {
  const { env = process.env, home = homeFolder(), ...rest } = options;
  const here = await onThisMachine(file, { env, home });
  if (here !== null) return here;
  const name = basename(new URL(file.url).pathname);
  const folder = writableCache(cacheDirectory(env, home), "weights");
  const path = join(folder, name);
  const mirror = env["SLICESTACK_WEIGHTS_URL"];
  const url = mirror === undefined || mirror === "" ? file.url : `${mirror.replace(/\/+$/, "")}/${name}`;
  const remedy = `Without a connection: put ${name} (from ${file.url}) into ${folder}, or into a folder that SLICESTACK_WEIGHTS names.`;
  await download({ ...file, url }, path, { ...rest, env, remedy });
  // In the format of sha256sum -c.
  writeFileAtomic(`${path}.sha256`, `${file.sha256}  ${name}\n`);
  return path;
}
