/** What `npm pack` puts into the packages, and that it works in a project outside of the repository. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";

const root = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "slicestack-pack-"));
after(() => rmSync(folder, { recursive: true }));

/** @type {Map<string, { folder: string, files: string[], unpacked: number, filename: string }>} by the package's name */
const packed = new Map();
before(() => {
  for (const name of ["torch", "volume", "stats", "pipeline", "cli"]) {
    const cwd = join(root, "packages", name);
    const args = ["pack", "--json", "--pack-destination", folder, "--foreground-scripts=false"];
    const [found] = JSON.parse(execFileSync("npm", args, { cwd, encoding: "utf8" }));
    const files = found.files.map(({ path }) => path);
    packed.set(found.name, { folder: cwd, files, unpacked: found.unpackedSize, filename: found.filename });
  }
});

/** Unpacks a package into a project, and links what it depends on from the repository: nothing is downloaded. */
function install(project, name, { linked }) {
  const into = join(project, "node_modules", name);
  mkdirSync(into, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, packed.get(name).filename), "-C", into, "--strip-components=1"]);
  for (const dependency of linked) {
    const place = join(project, "node_modules", dependency);
    mkdirSync(dirname(place), { recursive: true });
    if (!existsSync(place)) symlinkSync(join(root, "node_modules", dependency), place);
  }
}

const declared = (name) => Object.keys(JSON.parse(readFileSync(join(packed.get(name).folder, "package.json"), "utf8")).dependencies ?? {}); // prettier-ignore
const isOurs = (name) => name === "slicestack" || name.startsWith("@slicestack/");

function node(project, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("each package holds its readme, the licence and what runs, and nothing else; the licence and configs leave no copy behind", () => {
  assert.deepEqual([...packed.keys()].sort(), [
    "@slicestack/pipeline",
    "@slicestack/stats",
    "@slicestack/torch",
    "@slicestack/volume",
    "slicestack",
  ]);
  for (const [name, { folder: source, files }] of packed) {
    for (const file of ["README.md", "LICENSE", "package.json", "dist/src/index.js", "dist/src/index.d.ts"])
      assert.ok(files.includes(file), `${name} lacks ${file}`);
    const allowed =
      /^(README\.md|LICENSE|package\.json|bin\/.*\.js|dist\/src\/.*(\.js|\.d\.ts)|native\/.*\.(cpp|h)|configs\/.*\.(yaml|json))$/;
    assert.deepEqual(
      files.filter((file) => !allowed.test(file)),
      [],
      name,
    );
    const stale = files.filter((file) => {
      const stem = /^dist\/(src\/.*?)(\.d\.ts|\.js)$/.exec(file)?.[1];
      return stem !== undefined && ![".ts", ".d.ts"].some((ending) => existsSync(join(source, stem + ending)));
    });
    assert.deepEqual(stale, [], `${name}: compiled files without a source`);
    for (const copy of ["LICENSE", "configs"])
      assert.ok(!existsSync(join(source, copy)), `${name}/${copy} was left behind`);
  }
  const configs = readdirSync(join(root, "configs"), { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(yaml|json)$/.test(file),
  );
  const shipped = packed.get("@slicestack/pipeline").files.filter((file) => file.startsWith("configs/"));
  assert.deepEqual(shipped.map((file) => file.slice("configs/".length)).sort(), configs.sort());
});

test("the build of the addon leaves no precompiled header behind", () => {
  const build = join(root, "packages/torch/build");
  const left = existsSync(build) ? readdirSync(build).filter((name) => name.endsWith(".gch")) : [];
  assert.deepEqual(left, []);
});

test("installed outside of the repository, the command runs, finds the shipped configurations by name, and the engine computes", () => {
  const project = join(folder, "project");
  const linked = readdirSync(join(root, "node_modules")).flatMap((name) =>
    name.startsWith("@") ? readdirSync(join(root, "node_modules", name)).map((inner) => `${name}/${inner}`) : [name],
  );
  const foreign = linked.filter((name) => !isOurs(name) && !name.startsWith("."));
  for (const name of packed.keys()) install(project, name, { linked: foreign });
  // The addon is compiled at a real install; here the one of the repository is taken.
  cpSync(join(root, "packages/torch/build"), join(project, "node_modules/@slicestack/torch/build"), {
    recursive: true,
  });
  const bin = join("node_modules", "slicestack", "bin", "slicestack.js");
  assert.match(node(project, bin, "--version").stdout, /^\d+\.\d+\.\d+\n$/);
  const printed = node(project, bin, "train", "--config", "mosmed_4class", "--print-config");
  assert.equal(printed.status, 0, printed.stderr);
  assert.match(printed.stdout, /^name: mosmed_4class$/m);
  const refused = node(project, bin, "train", "--config", "mosmed_4clas", "--data", "x");
  assert.match(refused.stderr, /did you mean the shipped configuration mosmed_4class/);
  writeFileSync(
    join(project, "engine.mjs"),
    `import { tensor } from "@slicestack/torch"; console.log(tensor([1, 2, 3]).sum().item());`,
  );
  const engine = node(project, "engine.mjs");
  assert.deepEqual([engine.status, engine.stdout], [0, "6\n"], engine.stderr);
});

test("@slicestack/volume works with its own dependencies alone: no sharp, until a picture is to be read", () => {
  assert.ok(!declared("@slicestack/volume").includes("sharp"));
  const project = join(folder, "volume-alone");
  install(project, "@slicestack/volume", { linked: declared("@slicestack/volume") });
  writeFileSync(
    join(project, "read.mjs"),
    `import { reorient } from "@slicestack/volume";
     import { readSliceFolder } from "@slicestack/volume/node";
     import { mkdirSync, writeFileSync } from "node:fs";
     mkdirSync("slices", { recursive: true });
     writeFileSync("slices/a_0.png", "");
     console.log(typeof reorient);
     await readSliceFolder("slices").catch(({ name, message }) => console.log(name, message));`,
  );
  const { status, stdout, stderr } = node(project, "read.mjs");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^function\nVolumeFileError .*a_0\.png.*sharp.* is not installed.*npm install sharp/s);
});
