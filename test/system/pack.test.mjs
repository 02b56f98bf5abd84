/** What `npm pack` puts into the packages, and that it works in a project outside of the repository. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { declared, install, installAll, packAll, root } from "./packed.mjs";

const folder = mkdtempSync(join(tmpdir(), "slicestack-pack-"));
after(() => rmSync(folder, { recursive: true }));

let packed = new Map();
before(() => void (packed = packAll(folder)));

function node(project, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("each package holds its readme, the licence and what runs, and nothing else; the licence and configs leave no copy behind", () => {
  assert.deepEqual([...packed.keys()].sort(), [
    "@slicestack/pipeline",
    "@slicestack/server",
    "@slicestack/stats",
    "@slicestack/torch",
    "@slicestack/viewer",
    "@slicestack/volume",
    "slicestack",
  ]);
  for (const [name, { folder: source, files }] of packed) {
    for (const file of ["README.md", "LICENSE", "package.json", "dist/src/index.js", "dist/src/index.d.ts"])
      assert.ok(files.includes(file), `${name} lacks ${file}`);
    const allowed =
      /^(README\.md|LICENSE|package\.json|bin\/.*\.js|dist\/src\/.*(\.js|\.d\.ts)|native\/.*\.(cpp|h)|configs\/.*\.(yaml|json)|dist\/site\/(index\.html|icon\.svg|manifest\.webmanifest|slicestack\.json|sw\.js|assets\/[\w.-]+\.(js|css|wasm)))$/;
    assert.deepEqual(
      files.filter((file) => !allowed.test(file)),
      [],
      name,
    );
    const stale = files.filter((file) => {
      const stem = /^dist\/(src\/.*?)(\.d\.ts|\.js)$/.exec(file)?.[1];
      return (
        stem !== undefined && ![".ts", ".d.ts"].some((ending) => existsSync(join(source, stem + ending)))
      );
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
  installAll(project, packed);
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
  assert.ok(!declared(packed.get("@slicestack/volume")).includes("sharp"));
  const project = join(folder, "volume-alone");
  install(project, packed.get("@slicestack/volume").filename, "@slicestack/volume", {
    linked: declared(packed.get("@slicestack/volume")),
  });
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
