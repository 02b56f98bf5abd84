/** Who may import whom: the direction rules of the house, held by walking every import of packages/NAME/src. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { importsOf, resolveRelative } from "../../scripts/imports.mjs";

const packageOf = { slicestack: "cli" }; // npm name -> folder, where they differ
const mayImport = {
  torch: [],
  volume: [],
  pipeline: ["torch", "volume"],
  server: ["pipeline", "volume"],
  cli: ["pipeline"], // and server, in serve alone
  viewer: ["volume"], // and types of server/schema
};
// Folders of packages/pipeline/src that must not be reached from the folder on the left, not even through a third.
const mustNotReach = {
  models: ["train", "evaluate", "explain", "predict"],
  input: ["train", "evaluate", "explain", "predict", "models"],
  predict: ["train", "evaluate", "explain", "inspect"],
  data: ["train", "evaluate", "explain"],
  augment: ["train", "evaluate", "models"],
  train: ["study", "plan"],
  evaluate: ["train", "study", "plan"],
  explain: ["train", "study", "plan"], // of evaluate it takes the statistics alone
  inspect: ["train", "evaluate", "explain"],
  page: ["train", "evaluate", "models", "data", "explain"],
  sweep: ["train"], // it starts runs as processes
};

test("packages import only the packages below them (design: the house)", () => {
  assert.deepEqual(packageTroubles(process.cwd()), []);
});

test("inside pipeline: config is a leaf, models and data know neither train nor evaluate, evaluate and explain not train", () => {
  assert.deepEqual(pipelineTroubles(process.cwd()), []);
});

test("volume runs in browsers: only its folder node/ knows of Node", () => {
  assert.deepEqual(browserTroubles(process.cwd()), []);
});

test("every module that is imported is a dependency of its own package", () => {
  assert.deepEqual(undeclared(process.cwd()), []);
});

test("each rule finds its breach (a tree made to break them)", (t) => {
  const root = mkdtempSync(join(tmpdir(), "architecture-"));
  t.after(() => rmSync(root, { recursive: true }));
  const write = (path, text) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const name of ["torch", "volume", "pipeline", "cli", "viewer"]) write(`packages/${name}/package.json`, "{}");
  write("packages/torch/src/a.ts", 'import { x } from "@slicestack/volume";');
  write("packages/volume/src/a.ts", 'export * from "../../torch/src/a.js";');
  write("packages/volume/src/b.ts", 'import "node:fs";\nimport "./node/c.js";');
  write("packages/volume/src/node/c.ts", 'import "node:fs";');
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
  write("packages/pipeline/src/train/loop.ts", "export const y = 1;");
  assert.deepEqual(packageTroubles(root), [
    "packages/cli/src/train.ts:1 imports server",
    "packages/pipeline/src/b.ts:1 imports cli",
    "packages/torch/src/a.ts:1 imports volume",
    "packages/viewer/src/a.ts:2 imports server",
    "packages/volume/src/a.ts:1 imports torch",
  ]);
  assert.deepEqual(pipelineTroubles(root), [
    "config/load.ts imports progress.ts: config is a leaf",
    "evaluate must not reach train: evaluate/a.ts > explain/b.ts > train/loop.ts",
    "explain must not reach train: explain/b.ts > train/loop.ts",
  ]);
  assert.deepEqual(browserTroubles(root), [
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
          importsOf(file).map((found) => ({
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
    .filter(({ from, to, file }) => !(from === "cli" && to === "server" && file.endsWith("/serve.ts")))
    .filter(({ from, name, typeOnly }) => !(from === "viewer" && name === "@slicestack/server/schema" && typeOnly))
    .map(({ where, to }) => `${where} imports ${to}`);
}

function pipelineTroubles(root) {
  const source = join(root, "packages/pipeline/src");
  const place = (file) => relative(source, file);
  const leaf = sourcesBelow(join(source, "config")).flatMap((file) =>
    nextFiles(file)
      .filter((next) => !place(next).startsWith("config/"))
      .map((next) => `${place(file)} imports ${place(next)}: config is a leaf`),
  );
  const reaching = Object.entries(mustNotReach).flatMap(([folder, forbidden]) =>
    sourcesBelow(join(source, folder)).flatMap((file) =>
      forbidden
        .map((target) => [target, chainTo(file, (next) => place(next).startsWith(`${target}/`))])
        .filter(([, chain]) => chain !== undefined)
        .map(([target, chain]) => `${folder} must not reach ${target}: ${chain.map(place).join(" > ")}`),
    ),
  );
  return [...leaf, ...reaching];
}

/** Outside of volume's src/node.ts and src/node/, neither Node's modules nor those two. */
function browserTroubles(root) {
  const ofNode = (file) => /^packages\/volume\/src\/node(\/|\.ts$)/.test(relative(root, file));
  return allImports(root)
    .filter(({ from, file }) => from === "volume" && file.includes("/src/") && !ofNode(file))
    .filter(({ file, name }) => isBuiltin(name) || (name.startsWith(".") && ofNode(join(dirname(file), name))))
    .map(({ where, name }) => `${where} ${name}`);
}

const nextFiles = (file) =>
  importsOf(file)
    .map(({ name }) => resolveRelative(file, name))
    .filter((next) => next !== undefined);

/** The imports that lead from a file to the first one that `isTarget` accepts, or undefined. */
function chainTo(file, isTarget, seen = new Set([file])) {
  for (const next of nextFiles(file)) {
    if (isTarget(next)) return [file, next];
    if (seen.has(next)) continue;
    const rest = chainTo(next, isTarget, seen.add(next));
    if (rest !== undefined) return [file, ...rest];
  }
  return undefined;
}

function undeclared(root) {
  const manifests = new Map();
  const declared = (name) => {
    if (!manifests.has(name)) {
      const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
      const { dependencies, optionalDependencies, peerDependencies } = manifest;
      manifests.set(name, { ...dependencies, ...optionalDependencies, ...peerDependencies });
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
