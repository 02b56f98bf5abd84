/** `import`, and `evaluate` of a checkpoint, through the real command. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { generatePhantoms, prepare, writeSafetensors } from "@slicestack/pipeline";
import { randn, scope, zeros } from "@slicestack/torch";
import { CommandFolder } from "./command.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(folder.path, ...parts);

/** A `2d_cnn` for 32 x 32 pixels and five classes, by its names alone. */
function writeCheckpoint(): void {
  const shapes: [name: string, shape: number[]][] = [1, 2, 3].flatMap((k): [string, number[]][] => [
    [`conv${k}.weight`, [16 * 2 ** k, k === 1 ? 1 : 8 * 2 ** k, 3, 3]],
    ...["conv#.bias", "bn#.weight", "bn#.bias", "bn#.running_mean"].map((name): [string, number[]] => [
      name.replace("#", String(k)),
      [16 * 2 ** k],
    ]),
  ]);
  const linear = (name: string, outputs: number, inputs: number) =>
    shapes.push([`${name}.weight`, [outputs, inputs]], [`${name}.bias`, [outputs]]);
  linear("fc1", 512, 128 * 16);
  linear("fc2", 128, 512);
  linear("fc3", 5, 128);
  scope(() => {
    const tensors = new Map(shapes.map(([name, shape]) => [name, randn(shape).mul(0.05)]));
    for (const k of [1, 2, 3]) tensors.set(`bn${k}.running_var`, zeros([16 * 2 ** k]).add(1));
    writeSafetensors(at("best_model.safetensors"), tensors);
  });
}

before(async () => {
  writeCheckpoint();
  const { labels } = await generatePhantoms({
    destination: at("scans"),
    counts: [1, 1, 1, 1, 1],
    seed: 5,
    size: 48,
    workers: 1,
  });
  await prepare({
    source: at("scans"),
    destination: at("mosmed"),
    labels,
    size: [32, 32],
    depth: 8,
    workers: 1,
    name: "mosmed",
  });
});

test("import says what the file is and what to do next; a second import into the folder is code 3", () => {
  const stdout = folder.succeed("import", "best_model.safetensors", "runs/theirs", "--threads", "1");
  assert.match(
    stdout,
    /^Model: 2d_cnn or slice_cnn \(5 classes, embedding 128, 1 channel, input 32 x 32\)$/m,
  );
  assert.match(stdout, /^Next: slicestack evaluate runs\/theirs --data DATA$/m);
  const { status, stderr } = folder.run("import", "best_model.safetensors", "runs/theirs");
  assert.equal(status, 3);
  assert.match(stderr, /^slicestack import: .*runs\/theirs: already holds a run/);
});

test("evaluate RUN --data scores it; without data it is code 3", () => {
  const json = JSON.parse(folder.succeed("evaluate", "runs/theirs", "--data", "mosmed", "--json")) as {
    report: string;
    metrics: { test: { model: string; volumes: number }[] };
  };
  assert.match(json.report, /runs\/theirs\/external\/mosmed-[0-9a-f]{12}\/report\.html$/);
  assert.deepEqual(
    json.metrics.test.map(({ model, volumes }) => [model, volumes >= 5]),
    [["2d_vote", true]],
  );
  const { status, stderr } = folder.run("evaluate", "runs/theirs");
  assert.equal(status, 3);
  assert.match(stderr, /imported checkpoint, which has no data set.*--data DATA/);
});

test("evaluate --config C --checkpoint F --data D with a published file, which names another model: code 3, no run", () => {
  const config = join(import.meta.dirname, "../../../../configs/published");
  const scored = (name: string) =>
    folder.run(
      "evaluate",
      "--config",
      join(config, name),
      "--checkpoint",
      "best_model.safetensors",
      "--data",
      "mosmed",
    );
  const wrong = scored("attn.yaml");
  assert.equal(wrong.status, 3, wrong.stderr);
  assert.match(wrong.stderr, /holds 2d_cnn or slice_cnn .*the configuration expects attn, method 3d/);
  assert.ok(!folder.list("runs").includes("attn"));
  const { status, stdout, stderr } = scored("cnn_2d.yaml");
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Imported 2d_cnn or slice_cnn .* into .*runs\/cnn_2d/);
  assert.match(stdout, /^Imported: best_model\.safetensors.*\n[^]*2D vote/);
});

test("evaluate: arguments that contradict are code 2", () => {
  for (const [args, message] of [
    [[], /needs a run folder, or --checkpoint/],
    [["--checkpoint", "x.pth"], /--checkpoint needs --data/],
    [["runs/theirs", "--checkpoint", "x.pth", "--data", "mosmed"], /a run or a checkpoint/],
    [["runs/theirs", "--config", "x.yaml", "--data", "mosmed"], /go with --checkpoint/],
    [["runs/theirs", "--part", "test"], /go with --data/],
    [["runs/theirs", "--data", "mosmed", "--map-classes", "sick"], /expected THEIRS=OURS/],
  ] as const) {
    const { status, stderr } = folder.run("evaluate", ...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
});
