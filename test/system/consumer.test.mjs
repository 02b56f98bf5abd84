/**
 * A strict TypeScript project outside of the repository that has only the packed packages: it type-checks under both
 * ways of resolving modules, says in clear words what it needs where the addon is not built, and predicts.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { installAll, packAll, root } from "./packed.mjs";
import { smallModel } from "./small-model.mjs";

const folder = mkdtempSync(join(tmpdir(), "slicestack-consumer-"));
process.env.XDG_CACHE_HOME = join(folder, "cache");
after(() => rmSync(folder, { recursive: true, force: true }));
const project = join(folder, "project");
const addon = join(project, "node_modules/@slicestack/torch/build");

/** The seven lines of docs/how-to/use-from-node.md, and how a program would go on with a typed result. */
const page = readFileSync(join(root, "docs/how-to/use-from-node.md"), "utf8");
const sevenLines = /^```ts\n([^]*?)^```$/m.exec(page)[1];
const MORE = `
const name: string = result!.decision.class;
const weights: (number | null)[] = result!.slices.map(({ weight }) => weight);
const set: string[] | undefined = result!.set?.classes;
// @ts-expect-error a result has no such field, and the compiler knows
result!.probability;
console.log(JSON.stringify({ name, weights, set: set ?? null, probabilities: result!.probabilities }));
`;
const BROWSER = `
import * as ort from "onnxruntime-web/wasm";
import { OnnxPredictor, type OnnxResult } from "@slicestack/volume/onnx";

export async function first(model: ArrayBuffer, files: readonly File[]): Promise<OnnxResult | undefined> {
  const predictor = await OnnxPredictor.open(ort, model);
  return (await predictor.predict(files))[0];
}
`;
const strict = {
  target: "ES2022",
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  rootDir: ".",
  outDir: "out",
  types: ["node"],
};
const settings = {
  nodenext: {
    ...strict,
    lib: ["ES2023", "ESNext.Disposable", "DOM"],
    module: "NodeNext",
    moduleResolution: "NodeNext",
  },
  bundler: {
    ...strict,
    lib: ["ES2023", "ESNext.Disposable", "DOM"],
    module: "ESNext",
    moduleResolution: "bundler",
  },
};

let packed;
let small;
before(async () => {
  mkdirSync(project);
  packed = packAll(folder);
  installAll(project, packed);
  small = await smallModel(join(folder, "small"));
  const lines = sevenLines
    .replace('"lung.slicestack"', "process.argv[2]!")
    .replace('"scan/"', "process.argv[3]!");
  assert.match(lines, /Predictor\.open\(process\.argv\[2\]!\)[^]*predict\(process\.argv\[3\]!\)/);
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  writeFileSync(join(project, "predict.ts"), lines + MORE);
  writeFileSync(join(project, "page.ts"), BROWSER);
});

function run(script, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: project,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

for (const [name, compilerOptions] of Object.entries(settings))
  test(`${name}: the declarations of all packages are checked, strictly, and the seven lines compile`, () => {
    const everything = [...packed.keys()].flatMap((dependency) => {
      const manifest = JSON.parse(
        readFileSync(join(project, "node_modules", dependency, "package.json"), "utf8"),
      );
      // The built page of the viewer is files for a web host, and nothing to import.
      const code = Object.keys(manifest.exports).filter((entry) => !entry.endsWith("/*"));
      return code.map((entry) => `${dependency}${entry.slice(1)}`);
    });
    assert.ok(everything.includes("@slicestack/volume/onnx") && everything.length > 15, everything.join());
    const imports = everything.map((entry, k) => `export * as entry${k} from "${entry}";`).join("\n");
    writeFileSync(join(project, "everything.ts"), imports);
    const config = { compilerOptions, files: ["predict.ts", "page.ts", "everything.ts"] };
    writeFileSync(join(project, `tsconfig.${name}.json`), JSON.stringify(config));
    const { status, stdout } = run(
      join(root, "node_modules/typescript/bin/tsc"),
      "-p",
      `tsconfig.${name}.json`,
    );
    assert.equal(stdout, "");
    assert.equal(status, 0);
  });

test("without a built addon the first use says what was found, what is missing, and the command that builds it", () => {
  renameSync(addon, `${addon}-away`);
  try {
    const { status, stderr } = run("out/predict.js", small.bundle, small.scan);
    assert.notEqual(status, 0);
    assert.match(
      stderr,
      /LibtorchNotFoundError[^]*libtorch .* is at [^]*the addon is not built[^]*npx slicestack-torch-build/,
    );
  } finally {
    renameSync(`${addon}-away`, addon);
  }
  const native = readdirSync(join(root, "packages/torch/native")).filter((file) => /\.(cpp|h)$/.test(file));
  for (const file of native)
    assert.ok(existsSync(join(project, "node_modules/@slicestack/torch/native", file)), file);
});

test("the seven lines predict, and the result is typed", () => {
  const { status, stdout, stderr } = run("out/predict.js", small.bundle, small.scan);
  assert.equal(status, 0, stderr);
  const { name, weights, probabilities } = JSON.parse(stdout.trim().split("\n").at(-1));
  assert.ok(name in probabilities);
  assert.equal(weights.length, 8);
  assert.ok(Math.abs(Object.values(probabilities).reduce((a, b) => a + b, 0) - 1) < 1e-9);
});

test("no package holds tests, fixtures, source maps, weights or data, and all of them together stay small", () => {
  const unwanted =
    /(^|\/)(tests?|fixtures|node_modules|build)\/|\.(map|safetensors|pth?|onnx|npy|npz|nii(\.gz)?|dcm|slicestack|tsbuildinfo)$/;
  for (const [name, { files, unpacked }] of packed) {
    assert.deepEqual(
      files.filter((file) => unwanted.test(file)),
      [],
      name,
    );
    // The viewer works without a network: it holds the 18 MB of onnxruntime's WebAssembly.
    const limit = name === "@slicestack/viewer" ? 24_000_000 : 4_000_000;
    assert.ok(unpacked < limit, `${name}: ${unpacked} bytes`);
  }
});
