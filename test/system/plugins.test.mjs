/**
 * One component of each kind from a project outside of the repository, as docs/how-to/add-a-component.md shows them:
 * trains, stops and resumes, is evaluated and explained. The project depends on the packed packages.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { installAll, packAll, root } from "./packed.mjs";

const folder = mkdtempSync(join(tmpdir(), "slicestack-plugins-"));
after(() => rmSync(folder, { recursive: true }));
const project = join(folder, "project");
const bin = join("node_modules", "slicestack", "bin", "slicestack.js");

function node(...args) {
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), OMP_WAIT_POLICY: "passive" };
  return spawnSync(process.execPath, args, { cwd: project, encoding: "utf8", env });
}

const slicestack = (...args) => node(bin, ...args);

function succeeds(...args) {
  const { status, stdout, stderr } = slicestack(...args);
  assert.equal(status, 0, `slicestack ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}

const common = `
threads: 1
precision: float32
plugins: [./median.mjs, ./more.mjs]
transform: { augment: { preset: none, fog: { most: 0.1 } } }
`;
const stacked = `name: stacked${common}slice: { model: tiny, loss: brier, select: worst_class, epochs: 1, batch_size: 8, slices_per_volume: 2 }
head: { model: { median: { width: 8 } }, loss: brier, epochs: 2, batch_size: 4 }
`;
const voxels = `name: voxels\nmethod: 3d${common}network: { model: tiny_3d, loss: brier, select: worst_class, epochs: 1, batch_size: 4 }\n`;

before(() => {
  mkdirSync(project);
  installAll(project, packAll(folder));
  writeFileSync(join(project, "package.json"), '{ "type": "module", "private": true }');
  const page = readFileSync(join(root, "docs/how-to/add-a-component.md"), "utf8");
  const blocks = [...page.matchAll(/^```js\n\/\/ (\S+\.mjs)\n([^]*?)^```$/gm)];
  assert.deepEqual(
    blocks.map(([, name]) => name),
    ["median.mjs", "more.mjs"],
  );
  for (const [, name, code] of blocks) writeFileSync(join(project, name), code);
  writeFileSync(join(project, "stacked.yaml"), stacked);
  writeFileSync(join(project, "voxels.yaml"), voxels);
  const data = `
    import { generatePhantoms, prepare } from "@slicestack/pipeline";
    const { labels } = await generatePhantoms({ destination: "scans", subjects: 16, seed: 3, size: 48, minimum: 4, workers: 1 });
    await prepare({ source: "scans", destination: "data", labels, size: [32, 32], depth: 8, workers: 1, name: "tiny" });
  `;
  writeFileSync(join(project, "data.mjs"), data);
  const { status, stderr } = node("data.mjs");
  assert.equal(status, 0, stderr);
});

const json = (...path) => JSON.parse(readFileSync(join(project, ...path), "utf8"));

test("2.5D: trunk, head, loss, augmentation and metric from outside train, resume, evaluate and explain", () => {
  succeeds("train", "--config", "stacked.yaml", "--data", "data", "--out", "run", "--stage", "slice");
  succeeds("train", "--resume", "run");
  const rows = readFileSync(join(project, "run/metrics.jsonl"), "utf8").trim().split("\n").map(JSON.parse);
  assert.deepEqual(
    rows.map(({ stage }) => stage),
    ["slice", "volume", "volume"],
  );
  assert.equal(typeof rows[0].val_worst_class, "number");
  // Read by commands that do not load the plug-in, such as `slicestack runs`.
  assert.deepEqual(json("run/run.json").selectionMetrics, {
    macro_f1: { label: "macro F1", lowerIsBetter: false },
    worst_class: { label: "worst sensitivity", lowerIsBetter: false },
  });
  const { plugins, trunk, head } = json("run/model.json");
  assert.deepEqual(
    [trunk.name, trunk.loss, head.name, head.options],
    ["tiny", "brier", "median", { width: 8 }],
  );
  assert.deepEqual(
    plugins.map(({ file }) => file),
    ["../median.mjs", "../more.mjs"],
  );
  for (const { sha256 } of plugins) assert.match(sha256, /^[0-9a-f]{64}$/);
  succeeds("evaluate", "run");
  assert.ok(existsSync(join(project, "run/report.html")));
  succeeds("explain", "run", "--count", "1", "--out", "maps");
  assert.ok(existsSync(join(project, "maps/explain.json")));
  assert.match(succeeds("runs", "."), /stacked/);
});

test("3D: a network from outside trains and is evaluated", () => {
  succeeds("train", "--config", "voxels.yaml", "--data", "data", "--out", "run3d");
  succeeds("evaluate", "run3d");
  assert.equal(json("run3d/model.json").network.name, "tiny_3d");
});

test("a plug-in that throws, takes a name, or is missing is named, and one that changed is refused", () => {
  const train = (text) => {
    writeFileSync(join(project, "refused.yaml"), text);
    const { status, stderr } = slicestack(
      "train",
      "--config",
      "refused.yaml",
      "--data",
      "data",
      "--out",
      "refused",
    );
    assert.notEqual(status, 0);
    return stderr;
  };
  const define = (name, body) =>
    writeFileSync(
      join(project, name),
      `import { defineHead } from "@slicestack/pipeline/plugins";\nexport default defineHead(${body});\n`,
    );
  define(
    "throws.mjs",
    `{ name: "throws", source: "own", create: () => { throw new RangeError("no such width"); } }`,
  );
  const small = "slice: { model: slice_cnn, epochs: 1 }\n";
  assert.match(
    train(`plugins: [./throws.mjs]\n${small}head: { model: throws }\n`),
    /plug-in \.\/throws\.mjs threw RangeError: no such width \(in create\(\) of its head throws\)/,
  );
  define("taken.mjs", `{ name: "attention", source: "own", create: () => null }`);
  assert.match(
    train(`plugins: [./taken.mjs]\n`),
    /plug-in \.\/taken\.mjs adds a head attention, and there is one of that/,
  );
  assert.match(train(`plugins: [./missing.mjs]\n`), /plugins: expected a file .*missing\.mjs, found none/);
  assert.match(
    train(`plugins: [./median.mjs]\nhead: { model: { median: { width: 0 } } }\n`),
    /head\.model\.median\.width/,
  );
  assert.match(
    train(`head: { model: median }\n`),
    /head\.model: expected flatten, .* received the text "median"/,
  );

  appendFileSync(join(project, "median.mjs"), "// changed\n");
  const { status, stderr } = slicestack("evaluate", "run");
  assert.notEqual(status, 0);
  assert.match(
    stderr,
    /plug-in \.\/median\.mjs has changed, or a file that it imports has: the SHA-256 is .* expected .* Put the old files back/,
  );
});

test("a run is moved with its plug-in, is refused without it, and notices a change of what the plug-in imports", () => {
  mkdirSync(join(project, "here/runs"), { recursive: true });
  const widths = join(project, "here/widths.mjs");
  writeFileSync(widths, "export const width = 8;\n");
  writeFileSync(
    join(project, "here/wide.mjs"),
    `import { Linear } from "@slicestack/torch/nn";
     import { defineHead, Head } from "@slicestack/pipeline/plugins";
     import { width } from "./widths.mjs";
     class Wide extends Head {
       constructor(embedding, outputs) { super(); this.narrow = new Linear(embedding, width); this.last = new Linear(width, outputs); }
       forward(embedding_BSE) { return { logits_BK: this.last.forward(this.narrow.forward(embedding_BSE.mean(1))), sliceWeight_BS: null }; }
     }
     export default defineHead({ name: "wide", source: "own", create: ({ embedding, outputs }) => new Wide(embedding, outputs) });\n`,
  );
  const small =
    "slice: { model: slice_cnn, epochs: 1, size: [16, 16] }\nhead: { model: wide, epochs: 1 }\nthreads: 1\n";
  writeFileSync(join(project, "here/wide.yaml"), `plugins: [./wide.mjs]\n${small}`);
  succeeds("train", "--config", "here/wide.yaml", "--data", "data", "--out", "here/runs/wide");
  assert.match(
    readFileSync(join(project, "here/runs/wide/config.yaml"), "utf8"),
    /^plugins:\s.*\.\.\/\.\.\/wide\.mjs/m,
  );
  renameSync(join(project, "here"), join(project, "there"));
  succeeds("evaluate", "there/runs/wide", "--data", "data", "--no-images");
  const refused = (run) => {
    const { status, stderr } = slicestack("evaluate", run, "--data", "data", "--no-images");
    assert.notEqual(status, 0);
    return stderr;
  };
  renameSync(join(project, "there/runs/wide"), join(project, "alone"));
  assert.match(
    refused("alone"),
    /wide\.mjs is missing\. Put it back\. A run names its plug-ins .* move both together/,
  );
  renameSync(join(project, "alone"), join(project, "there/runs/wide"));
  writeFileSync(join(project, "there/widths.mjs"), "export const width = 9;\n");
  assert.match(refused("there/runs/wide"), /wide\.mjs has changed, or a file that it imports has/);
});
