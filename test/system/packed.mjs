/** Projects outside of the repository that depend on the packed tarballs of its packages. Nothing is downloaded. */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/**
 * `npm pack` of every package, into a folder.
 * @returns {Map<string, { folder: string, files: string[], unpacked: number, filename: string }>} by the package's name
 */
export function packAll(folder) {
  // npm pack copies files into the package's folder and removes them again, and two tests may pack at once.
  const lock = join(root, ".cache", "packing");
  mkdirSync(dirname(lock), { recursive: true });
  takeLock(lock);
  try {
    return packEach(folder);
  } finally {
    rmSync(lock, { recursive: true });
  }
}

/** Waits until no other process packs; a lock of more than two minutes belongs to a process that was killed. */
function takeLock(lock) {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    try {
      return mkdirSync(lock);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 120_000) rmSync(lock, { recursive: true, force: true });
    else Atomics.wait(clock, 0, 0, 200);
  }
}

function packEach(folder) {
  const packed = new Map();
  for (const name of ["torch", "volume", "stats", "pipeline", "server", "viewer", "cli"]) {
    const cwd = join(root, "packages", name);
    const args = ["pack", "--json", "--pack-destination", folder, "--foreground-scripts=false"];
    const [found] = JSON.parse(execFileSync("npm", args, { cwd, encoding: "utf8" }));
    const files = found.files.map(({ path }) => path);
    packed.set(found.name, {
      folder: cwd,
      files,
      unpacked: found.unpackedSize,
      filename: join(folder, found.filename),
    });
  }
  return packed;
}

/** Unpacks a package into a project, and links what it depends on from the repository. */
export function install(project, tarball, name, { linked }) {
  const into = join(project, "node_modules", name);
  mkdirSync(into, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", into, "--strip-components=1"]);
  for (const dependency of linked) {
    const place = join(project, "node_modules", dependency);
    mkdirSync(dirname(place), { recursive: true });
    if (!existsSync(place)) symlinkSync(join(root, "node_modules", dependency), place);
  }
}

export const declared = ({ folder }) =>
  Object.keys(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies ?? {});
const isOurs = (name) => name === "slicestack" || name.startsWith("@slicestack/");

/** Installs all packages; the addon is compiled at a real install, here the one of the repository is taken. */
export function installAll(project, packed) {
  const linked = readdirSync(join(root, "node_modules")).flatMap((name) =>
    name.startsWith("@")
      ? readdirSync(join(root, "node_modules", name)).map((inner) => `${name}/${inner}`)
      : [name],
  );
  const foreign = linked.filter((name) => !isOurs(name) && !name.startsWith("."));
  for (const [name, { filename }] of packed) install(project, filename, name, { linked: foreign });
  cpSync(join(root, "packages/torch/build"), join(project, "node_modules/@slicestack/torch/build"), {
    recursive: true,
  });
}
