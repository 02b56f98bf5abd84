/** Who may import whom: the direction rules of the house, held by walking every import of packages/NAME/src. */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { importsOf, resolveRelative } from "../../scripts/imports.mjs";

const packageOf = { slicestack: "cli" }; // npm name -> folder, where they differ
const mayImport = {
  torch: [],
  volume: [],
  stats: [],
  pipeline: ["torch", "volume", "stats"],
  server: ["pipeline", "volume", "stats"],
  cli: ["pipeline", "viewer"], // and server, in serve and view alone
  viewer: ["volume", "stats"], // and types of server/schema
};
/**
 * The rooms of packages/pipeline/src from the top floor down, and all that each may import. A room is a folder, or a file
 * that stands beside the folders. An arrow leads to a room further down the list, so that no circle can close.
 */
const arrows = {
  "index.ts":
    "auto study sweep plan tasks report audit export scan dicom-out explain evaluate train trained predict models inspect input augment weights dicomweb run slurm data engine config",
  "internal.ts":
    "sweep tasks audit explain evaluate train trained models inspect run queue slurm data engine config",
  "models.ts": "models",
  "plugins.ts": "models config",
  "configuration.ts": "models config",
  auto: "study plan tasks report audit export evaluate page run command-line.ts data engine config",
  study: "sweep tasks report evaluate train page models run data engine config",
  sweep: "tasks report evaluate train page models input run queue slurm command-line.ts data engine config",
  plan: "train page models run command-line.ts data engine config",
  tasks:
    "report export scan dicom-out explain evaluate train trained page inspect models input weights run command-line.ts data engine config",
  report: "evaluate page inspect models run data engine config",
  audit: "page data engine",
  export: "trained evaluate predict models input weights run data engine config",
  scan: "dicom-out explain trained predict models input dicomweb run data engine config",
  "dicom-out": "explain run data engine",
  explain: "trained page predict inspect input models run data engine config",
  evaluate: "page predict input models run command-line.ts data engine config",
  train: "trained predict models input augment weights run command-line.ts data engine config",
  trained: "predict models weights run command-line.ts data engine config",
  predict: "models input augment weights run data engine config",
  models: "input augment weights run data engine config",
  inspect: "page input augment run data engine config",
  page: "",
  input: "augment data config",
  augment: "config",
  weights: "data",
  dicomweb: "run engine",
  run: "command-line.ts data engine config",
  queue: "data engine",
  slurm: "command-line.ts data",
  "command-line.ts": "",
  data: "engine config",
  engine: "config",
  config: "",
};
test("packages import only the packages below them (design: the house)", () => {
  assert.deepEqual(packageTroubles(process.cwd()), []);
});

test("inside pipeline each room imports only what its line allows, and no line allows more than is used", () => {
  assert.deepEqual(roomTroubles(process.cwd(), arrows, []), []);
});

test("the lines name every room, and lead downwards", () => {
  const source = join(process.cwd(), "packages/pipeline/src");
  const there = new Set(sourcesBelow(source).map((file) => roomOf(source, file)));
  assert.deepEqual(Object.keys(arrows).sort(), [...there].sort());
  const order = Object.keys(arrows);
  const rising = order.flatMap((room, floor) =>
    targetsOf(arrows, room)
      .filter((target) => order.indexOf(target) <= floor)
      .map((target) => `${room} > ${target}`),
  );
  assert.deepEqual(rising, []);
});

test("no two files import each other, not even for a type or through a third", () => {
  const found = readdirSync("packages").flatMap((name) =>
    circles(join(process.cwd(), "packages", name, "src")),
  );
  assert.deepEqual(found, []);
});

test("docs/explanation/architecture.md draws every room, and the files that it names are there", () => {
  const page = readFileSync("docs/explanation/architecture.md", "utf8");
  const drawing = page.split("## Rooms of the pipeline")[1].split("```")[1];
  const rooms = Object.keys(arrows).filter((room) => room !== "command-line.ts");
  assert.deepEqual(
    rooms.filter((room) => !new RegExp(`(^|\\s)${room}(\\s|$)`, "m").test(drawing)),
    [],
  );
  const rows = page.split("\n").filter((line) => line.startsWith("| ") && line.includes("`"));
  const named = rows.flatMap((line) => [...line.matchAll(/`([\w./-]+\/[\w./-]*)`/g)].map(([, path]) => path));
  assert.ok(rows.length >= 20 && named.length > rows.length, "a table of twenty rows or more");
  const place = (path) => (/^(packages|docs|test)\//.test(path) ? path : join("packages/pipeline/src", path));
  assert.deepEqual(
    named.filter((path) => !existsSync(place(path))),
    [],
  );
});

test("no file has more than 500 lines: what is longer holds two things", () => {
  const folders = [
    ...readdirSync("packages").flatMap((name) =>
      ["src", "test", "bin", "native"].map((part) => `packages/${name}/${part}`),
    ),
    "test",
    "scripts",
  ];
  const files = folders
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .filter((name) => /\.([cm]?[jt]sx?|cpp|h)$/.test(name));
  assert.ok(files.length > 500, "the folders are where they were");
  assert.deepEqual(
    files.filter((name) => readFileSync(name, "utf8").split("\n").length > 501),
    [],
  );
});

test("volume and stats run in browsers: only volume's folder node/ knows of Node", () => {
  assert.deepEqual(browserTroubles(process.cwd()), []);
});

test("every module that is imported is a dependency of its own package", () => {
  assert.deepEqual(undeclared(process.cwd()), []);
});

test("scripts, benchmarks and tests in JavaScript import compiled files whose sources still exist", () => {
  const places = ["scripts", "bench", "test", "packages/torch/bench", "examples"].filter(existsSync);
  const files = places
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, name)))
    .filter((name) => name.endsWith(".mjs") && !name.includes("node_modules"));
  const compiled = files.flatMap((file) =>
    importsOf(file)
      .filter(({ name }) => name.startsWith(".") && name.includes("/dist/"))
      .map(({ name }) => ({
        file,
        source: join(dirname(file), name).replace("/dist/", "/").replace(/\.js$/, ".ts"),
      })),
  );
  assert.ok(compiled.length > 50, "the imports were found");
  // a build folder keeps the output of a file that was moved, so only a clean clone would notice
  assert.deepEqual(
    compiled.filter(({ source }) => !existsSync(source)),
    [],
  );
});

test("each rule finds its breach (a tree made to break them)", (t) => {
  const root = mkdtempSync(join(tmpdir(), "architecture-"));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (path, text) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const name of ["torch", "volume", "stats", "pipeline", "cli", "viewer"])
    write(`packages/${name}/package.json`, "{}");
  write("packages/torch/src/a.ts", 'import { x } from "@slicestack/volume";');
  write("packages/volume/src/a.ts", 'export * from "../../torch/src/a.js";');
  write("packages/volume/src/b.ts", 'import "node:fs";\nimport "./node/c.js";');
  write("packages/volume/src/node/c.ts", 'import "node:fs";');
  write("packages/stats/src/a.ts", 'import "node:crypto";');
  write("packages/volume/src/node.ts", 'export * from "./node/c.js";');
  write("packages/cli/src/serve.ts", 'await import("@slicestack/server");');
  write("packages/cli/src/train.ts", 'await import("@slicestack/server");');
  write(
    "packages/viewer/src/a.ts",
    'import type { S } from "@slicestack/server/schema";\nimport "@slicestack/server/schema";',
  );
  write("packages/pipeline/src/b.ts", 'import "slicestack";\nimport "left-pad";\nimport "node:fs";');
  write("packages/pipeline/src/config/load.ts", 'import type { P } from "../progress.js";');
  write("packages/pipeline/src/progress.ts", "export interface P {}");
  write("packages/pipeline/src/evaluate/a.ts", 'import { y } from "../explain/b.js";');
  write("packages/pipeline/src/explain/b.ts", 'import "../train/loop.js";');
  write("packages/pipeline/src/train/loop.ts", 'import type { z } from "../evaluate/a.js";');
  assert.deepEqual(packageTroubles(root), [
    "packages/cli/src/train.ts:1 imports server",
    "packages/pipeline/src/b.ts:1 imports cli",
    "packages/torch/src/a.ts:1 imports volume",
    "packages/viewer/src/a.ts:2 imports server",
    "packages/volume/src/a.ts:1 imports torch",
  ]);
  const allowed = {
    "b.ts": "",
    evaluate: "explain",
    explain: "train",
    train: "evaluate config",
    config: "",
    "progress.ts": "",
  };
  assert.deepEqual(roomTroubles(root, allowed, ["explain > evaluate"]), [
    "config may not import progress.ts: config/load.ts > progress.ts",
    "train > config: allowed, but nothing uses it",
    "explain > evaluate: allowed, but nothing uses it",
  ]);
  assert.deepEqual(circles(join(root, "packages/pipeline/src")), [
    "evaluate/a.ts explain/b.ts train/loop.ts",
  ]);
  assert.deepEqual(browserTroubles(root), [
    "packages/stats/src/a.ts:1 node:crypto",
    "packages/volume/src/b.ts:1 node:fs",
    "packages/volume/src/b.ts:2 ./node/c.js",
  ]);
  assert.ok(undeclared(root).includes("packages/pipeline/src/b.ts:2 left-pad"));
  assert.ok(!undeclared(root).some((line) => line.includes("node:fs")));
});

function sourcesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Every import of every package's sources, with the package of ours that it leads to, if any. */
function allImports(root) {
  return readdirSync(join(root, "packages"))
    .sort()
    .flatMap((from) =>
      ["src", "bin"]
        .flatMap((folder) => sourcesBelow(join(root, "packages", from, folder)))
        .flatMap((file) =>
          importsFrom(file).map((found) => ({
            ...found,
            from,
            file,
            to: ownPackage(root, file, found.name),
            where: `${relative(root, file)}:${found.line}`,
          })),
        ),
    );
}

function ownPackage(root, file, name) {
  const scoped = /^@slicestack\/([^/]+)/.exec(name)?.[1] ?? packageOf[name.split("/")[0]];
  if (scoped !== undefined) return scoped;
  if (!name.startsWith(".")) return undefined;
  return relative(join(root, "packages"), join(dirname(file), name)).split("/")[0];
}

function packageTroubles(root) {
  return allImports(root)
    .filter(({ from, to }) => to !== undefined && to !== from)
    .filter(({ from, to }) => !(mayImport[from] ?? []).includes(to))
    .filter(({ from, to, file }) => !(from === "cli" && to === "server" && /\/(serve|view)\.ts$/.test(file)))
    .filter(
      ({ from, name, typeOnly }) => !(from === "viewer" && name === "@slicestack/server/schema" && typeOnly),
    )
    .map(({ where, to }) => `${where} imports ${to}`);
}

const targetsOf = (lines, room) => lines[room]?.split(" ").filter((target) => target !== "") ?? [];

/** The folder of packages/pipeline/src that a file lies in, or the file itself where it lies in none. */
const roomOf = (source, file) => relative(source, file).split("/")[0];

/** Imports between rooms that no line allows, and lines that nothing needs. */
function roomTroubles(root, lines, exceptions) {
  const source = join(root, "packages/pipeline/src");
  const allowed = new Set([
    ...Object.keys(lines).flatMap((room) => targetsOf(lines, room).map((target) => `${room} > ${target}`)),
    ...exceptions,
  ]);
  const used = new Map();
  for (const file of sourcesBelow(source))
    for (const next of nextFiles(file)) {
      const [from, to] = [roomOf(source, file), roomOf(source, next)];
      if (from !== to)
        used.set(`${from} > ${to}`, [from, to, relative(source, file), relative(source, next)]);
    }
  const refused = [...used].filter(([arrow]) => !allowed.has(arrow));
  return [
    ...refused.map(([, [from, to, file, next]]) => `${from} may not import ${to}: ${file} > ${next}`),
    ...[...allowed]
      .filter((arrow) => !used.has(arrow))
      .map((arrow) => `${arrow}: allowed, but nothing uses it`),
  ];
}

/** Groups of files that reach each other by imports, types included (Tarjan's strongly connected components). */
function circles(source) {
  const [number, lowest, path, found] = [new Map(), new Map(), [], []];
  const visit = (file) => {
    number.set(file, number.size);
    lowest.set(file, number.get(file));
    path.push(file);
    for (const next of nextFiles(file)) {
      if (!number.has(next)) visit(next);
      if (path.includes(next)) lowest.set(file, Math.min(lowest.get(file), lowest.get(next)));
    }
    if (lowest.get(file) < number.get(file)) return;
    const group = path.splice(path.indexOf(file));
    if (group.length > 1 || nextFiles(file).includes(file))
      found.push(group.map((one) => relative(source, one)).sort());
  };
  for (const file of sourcesBelow(source)) if (!number.has(file)) visit(file);
  return found.map((group) => group.join(" ")).sort();
}

/** In stats, and in volume outside of src/node.ts and src/node/: neither Node's modules nor those two. */
function browserTroubles(root) {
  const ofNode = (file) => /^packages\/volume\/src\/node(\/|\.ts$)/.test(relative(root, file));
  return allImports(root)
    .filter(({ from, file }) => ["volume", "stats"].includes(from) && file.includes("/src/") && !ofNode(file))
    .filter(
      ({ file, name }) => isBuiltin(name) || (name.startsWith(".") && ofNode(join(dirname(file), name))),
    )
    .map(({ where, name }) => `${where} ${name}`);
}

/** Each file is parsed once. */
const parsed = new Map();
function importsFrom(file) {
  if (!parsed.has(file)) parsed.set(file, importsOf(file));
  return parsed.get(file);
}

const nextFiles = (file) =>
  importsFrom(file)
    .map(({ name }) => resolveRelative(file, name))
    .filter((next) => next !== undefined);

function undeclared(root) {
  const manifests = new Map();
  const declared = (name) => {
    if (!manifests.has(name)) {
      const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
      const { dependencies, devDependencies, optionalDependencies, peerDependencies } = manifest;
      const bundled = name === "viewer" ? devDependencies : {}; // its page is built before it is published
      manifests.set(name, { ...dependencies, ...bundled, ...optionalDependencies, ...peerDependencies });
    }
    return manifests.get(name);
  };
  return allImports(root)
    .filter(({ name }) => !name.startsWith(".") && !isBuiltin(name))
    .filter(({ name, from }) => {
      const [scope, rest] = name.split("/");
      return !((scope.startsWith("@") ? `${scope}/${rest}` : scope) in declared(from));
    })
    .map(({ where, name }) => `${where} ${name}`);
}
