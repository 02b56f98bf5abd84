/**
 * The traps of the published code, one test each: it fails where the trap is put back. docs/explanation/traps.md lists them,
 * and the last test holds the list to this file. What else covers each trap is named there.
 */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { cat, manualSeed, scope, type Tensor } from "@slicestack/torch";
import { writeNpy } from "@slicestack/volume/node";
import { argmax, VOTE_RULES, voteBy } from "@slicestack/stats";
import { stageClasses } from "../../src/config/classes.js";
import { loadConfig } from "../../src/config/load.js";
import { FolderLock } from "../../src/data/lock.js";
import { prepare } from "../../src/tasks/prepare.js";
import { makeSplit } from "../../src/data/split/holdout.js";
import { openDataset, storeBytes, type Dataset } from "../../src/data/store.js";
import type { Task } from "../../src/data/task.js";
import { votePredictions, type ScoredPart } from "../../src/evaluate/run-predictions.js";
import { greyPng } from "../../src/page/grey-png.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { volumeEmbeddings, type FeatureSource } from "../../src/predict/features.js";
import { embedSlices, predictSlices, stackVolumes } from "../../src/predict/forward.js";
import { createHead, createSliceModel, createVolumeModel } from "../../src/models/create-by-name.js";
import { SliceStore } from "../../src/input/slices.js";
import { datasetSource } from "../../src/input/source.js";
import { sliceTransform, volumeTransform } from "../../src/input/of-config.js";
import { VolumeStore } from "../../src/input/volumes.js";
import { readRecord, runPaths } from "../../src/run/folder.js";
import { launchProcesses } from "../../src/train/launch.js";
import { sliceStage } from "../../src/train/slice-stage.js";
import { train } from "../../src/tasks/train.js";
import { voxelStage } from "../../src/train/voxel-stage.js";
import { fakeDataset } from "../data/fake-dataset.js";
import { config, randomDataset, stacked, threeD, twoClasses, Watcher } from "../models/support.js";
import { ofMethod } from "../config/of-method.js";
import { blankRun, curvesOf, tinyConfig, tinyDataset, trainHere, weightsOf } from "../train/support.js";
import { misnamed } from "./misnamed.js";
import { at, folder, titles, trap } from "./trap.js";

const compute = { device: "cpu", bfloat16: false };
const upTo = (count: number) => Array.from({ length: count }, (_, k) => k);
const short = { "slice.epochs": "1", "head.epochs": "1" };
let data = "";
before(async () => {
  data = await tinyDataset(folder);
  await train({ config: tinyConfig(short), data, out: at("begun"), signal: AbortSignal.abort() });
});

trap(1, "the volume stage refuses a slice model of another split, and so does checkpoint", async (own) => {
  const { dataset } = { dataset: openDataset(data) };
  const run = join(own, "other split");
  const split = makeSplit(dataset, { seed: 12, fractions: [0.6, 0.2, 0.2] });
  await train({ config: tinyConfig(short), data, out: run, split, signal: AbortSignal.abort() });
  const first = join(own, "first");
  blankRun(at("begun"), first);
  trainHere(first, data);
  assert.notEqual(readRecord(first).splitHash, readRecord(run).splitHash);
  cpSync(runPaths(first).checkpoints("slice"), runPaths(run).checkpoints("slice"), { recursive: true });
  assert.throws(() => trainHere(run, data), {
    name: "RunError",
    message: /was trained on split .*, this run has /,
  });
  const from = tinyConfig({ ...short, checkpoint: runPaths(first).best("slice") });
  const started = join(own, "started");
  await assert.rejects(train({ config: from, data, out: started, split }), {
    name: "RunError",
    message: /was trained on split/,
  });
});

trap(1, "no subject is in two parts, however many volumes it has", () => {
  const rows = upTo(60).map((k): [string, string, number] => [
    `v${k}`,
    `s${Math.floor(k / 4)}`,
    Math.floor(k / 4) % 3,
  ]);
  const { parts } = makeSplit(fakeDataset(rows), { seed: 1, fractions: [0.6, 0.2, 0.2] });
  const subjects = Object.values(parts).map(
    (ids) => new Set(ids.map((id) => Math.floor(Number(id.slice(1)) / 4))),
  );
  assert.ok(subjects.every((part) => part.size > 0));
  assert.equal(
    subjects.reduce((sum, part) => sum + part.size, 0),
    15,
  );
});

trap(
  2,
  "training never looks at test: with noise in its place, every weight and every score is the same",
  (own) => {
    const spoiled = join(own, "spoiled data");
    cpSync(data, spoiled, { recursive: true });
    const dataset = openDataset(spoiled);
    const { info, slicesPath, slicesOffset, volumes } = dataset;
    const test = new Set(
      (JSON.parse(readFileSync(runPaths(at("begun")).split, "utf8")) as { parts: { test: string[] } }).parts
        .test,
    );
    const bytes = info.height * info.width * storeBytes[info.dtype];
    const file = openSync(slicesPath, "r+");
    for (const { id, first, count } of volumes)
      if (test.has(id))
        writeSync(file, Buffer.alloc(count * bytes, 3), 0, count * bytes, slicesOffset + first * bytes);
    closeSync(file);
    const runs = [data, spoiled].map((where, k) => {
      const run = join(own, `run ${k}`);
      process.env["XDG_CACHE_HOME"] = join(own, `cache ${k}`); // the embeddings of one are not those of the other
      blankRun(
        at("begun"),
        run,
        tinyConfig({ "slice.schedule": "plateau", "head.schedule": "plateau", "slice.patience": "1" }),
      );
      trainHere(run, where);
      return run;
    });
    assert.deepEqual(weightsOf(runs[1]!, ["slice", "volume"]), weightsOf(runs[0]!, ["slice", "volume"]));
    assert.deepEqual(curvesOf(runs[1]!), curvesOf(runs[0]!));
    assert.equal(readRecord(runs[0]!).testReads, 0);
  },
);

trap(2, "the vote's threshold is that of val, also where another would serve test better", () => {
  const part = (name: "val" | "test", positives: number[], labels: number[]) => ({
    part: name,
    ids: positives.map(String),
    labels,
    counts: positives.map(() => 8),
    probabilities: Float32Array.from(
      positives.flatMap((n) => upTo(8).flatMap((s) => (s < n ? [0, 1] : [1, 0]))),
    ),
  });
  // On val 4 slices of 8 tell the classes apart; on test 2 would.
  const [val, positives, best] = [
    part("val", [1, 1, 2, 6, 7, 7], [0, 0, 0, 1, 1, 1]),
    [0, 1, 3, 3, 6],
    [0, 0, 1, 1, 1],
  ];
  const run = config({ "slice.vote": "count" });
  const votes = (labels: number[]) => {
    const volumes = positives.map((_, k) => ({
      id: `${k}`,
      subject: `${k}`,
      label: labels[k]!,
    })) as Task["parts"]["test"];
    const scored: ScoredPart[] = [
      { part: "test", volumes, table: { file: "", columns: [], rows: new Map() } },
    ];
    const found = votePredictions(
      { config: run, record: {} },
      [val, part("test", positives, labels)],
      scored,
    );
    return found.find((one) => one.model === "2d_vote")!.probabilities;
  };
  assert.deepEqual(votes(best).map(argmax), [0, 0, 0, 0, 1]);
  assert.deepEqual(votes([1, 1, 0, 0, 0]), votes(best), "the labels of test decide nothing");
});

trap(
  3,
  "slice files 0, 1, 10, 100 … come in the order of their numbers, from the files to the stack of embeddings",
  async (own) => {
    // As arrays and as pictures, which are found in two ways.
    for (const [volume, label, count] of [
      ["p1", 0, 120],
      ["p2", 1, 12],
    ] as const)
      for (let s = 0; s < count; s++) {
        const array = join(own, `arrays/train/ct_${label}_slice/${volume}_${s}.npy`);
        const picture = join(own, `pictures/class_${label}/${volume}/${s}.png`);
        for (const path of [array, picture]) mkdirSync(dirname(path), { recursive: true });
        await writeNpy(array, { data: new Uint8Array(64).fill(2 * s), shape: [8, 8] });
        writeFileSync(picture, greyPng(new Uint8Array(64).fill(2 * s), 8, 8));
      }
    for (const kind of ["arrays", "pictures"]) {
      const dataset = await prepare({ source: join(own, kind), destination: join(own, `${kind} set`) });
      scope(() => {
        using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
        using model = new Watcher(() => undefined);
        const source: FeatureSource = { model, weightsHash: "w", store, datasetHash: dataset.info.hash };
        const { features_N, volumes } = volumeEmbeddings(source, taskOf(dataset).parts.train, compute);
        const { features_BS, mask_BS } = stackVolumes(features_N, volumes);
        assert.deepEqual(features_BS.shape, [2, 120, 3]);
        const [low, high] = dataset.info.range;
        for (const [v, count] of [
          [0, 120],
          [1, 12],
        ] as const) {
          const heights = features_BS.select(0, v).select(1, 0).narrow(0, 0, count).toArray();
          const numbers = heights.map((x) => Math.round(((x * 0.229 + 0.485) * (high - low) + low) / 2) + 0);
          assert.deepEqual(numbers, upTo(count), `${kind}, volume ${v}`);
          assert.equal(mask_BS.select(0, v).to({ dtype: "float32" }).sum().item(), count);
        }
      });
    }
  },
);

trap(4, "no vote makes class 1 of slices that are of class 0 and class 2", () => {
  const slices = [[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0, 0.1, 0.9], [0, 0.05, 0.95]]; // prettier-ignore
  const val = { slices: [slices, slices.slice(0, 2), slices.slice(2)], labels: [2, 0, 2] };
  for (const rule of VOTE_RULES) {
    const [probabilities = []] = voteBy(rule, { val, volumes: [slices], k: 2 }).probabilities;
    assert.notEqual(argmax(probabilities), 1, rule);
    assert.equal(probabilities.length, 3);
  }
});

trap(
  5,
  "the frozen trunk computes as in evaluation and keeps its statistics, bit for bit, through the volume stage",
  (own) => {
    manualSeed(1);
    const dataset = randomDataset(own, [9], [32, 32]);
    scope(() => {
      using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
      using model = createSliceModel({ model: "slice_cnn", dropout: 0.5 }, 2, [32, 32]);
      const buffers = () => [...model.namedBuffers()].map(([, buffer]) => buffer.toArray());
      const before = buffers();
      const embed = (slices: number[]) => {
        model.train();
        return embedSlices(model, store, slices, compute).toArray().slice(0, model.embedding);
      };
      const first = embed([0, 1, 2]);
      assert.deepEqual(embed([0, 1, 2]), first);
      assert.deepEqual(embed([0, 7, 8]), first, "whatever else is in the batch");
      assert.deepEqual(buffers(), before);
    });
    const run = join(own, "run");
    blankRun(at("begun"), run);
    assert.equal(trainHere(run, data, { stage: "volume", step: 1 }).status, "stopped");
    const trained = readFileSync(runPaths(run).best("slice"));
    trainHere(run, data);
    assert.deepEqual(readFileSync(runPaths(run).best("slice")), trained);
  },
);

for (const dtype of ["int16", "uint8"] as const) {
  trap(
    6,
    `one transform: training, embedding, val and prediction show the model the same bits (${dtype})`,
    async (own) => {
      const source = join(own, "source");
      const values =
        dtype === "uint8"
          ? Uint8Array.from({ length: 640 }, (_, k) => (k * 7) % 256)
          : Int16Array.from({ length: 640 }, (_, k) => ((k * 37) % 2000) - 1200);
      for (const label of [0, 1]) {
        mkdirSync(join(source, `class_${label}`), { recursive: true });
        await writeNpy(join(source, `class_${label}`, `v${label}.npy`), { data: values, shape: [8, 8, 10] });
      }
      const dataset = await prepare({
        source,
        destination: join(own, "set"),
        ...(dtype === "int16" ? { unit: "HU" as const } : {}),
      });
      scope(() => {
        const run = stacked();
        using store = new SliceStore(datasetSource(dataset), sliceTransform(run, dataset, "cpu"));
        let seen: number[] = [];
        const model = new Watcher((x_BCHW) => (seen = x_BCHW.toArray()));
        const watched = (see: () => unknown) => (scope(() => void see()), seen);
        const stage = sliceStage({ config: run, task: taskOf(dataset), store, model, compute, metadata: {} });
        const batch = upTo(20).map((index) => ({ index, label: 0, subject: "s" }));
        const trained = watched(() => stage.loss(stage.input(batch, 0, 0), { first: 0, count: 20 }));
        assert.deepEqual(
          watched(() => embedSlices(model, store, upTo(20), compute)),
          trained,
        );
        assert.deepEqual(
          watched(() => predictSlices(model, store, upTo(20), compute)),
          trained,
        );
        assert.deepEqual(
          watched(() => stage.validate()),
          trained,
        );
        // By hand: nothing wraps, values outside the window are clipped.
        const [low, high] = dataset.info.range;
        const stored = (s: number, y: number, x: number) => values[(y * 8 + x) * 10 + s]!;
        for (const [s, y, x] of [
          [0, 0, 0],
          [3, 2, 5],
          [9, 7, 7],
          [5, 0, 6],
        ] as const) {
          const unit = Math.min(1, Math.max(0, (stored(s, y, x) - low) / (high - low)));
          assert.ok(
            Math.abs(trained[s * 192 + y * 8 + x]! - (unit - 0.485) / 0.229) < 1e-5,
            `slice ${s}, ${y}, ${x}`,
          );
        }
      });
    },
  );
}

const taskOf = ({ volumes }: Dataset): Task => ({
  classes: twoClasses,
  parts: {
    train: volumes.map((one) => ({ ...one, label: one.label ?? 0 })),
    val: volumes.map((one) => ({ ...one, label: one.label ?? 0 })),
    test: [],
  },
});

trap(
  7,
  "the 3D models get augmentation, sampler, loss and schedule as the slice models do, and none is the default that cannot fit",
  (own) => {
    const dataset = randomDataset(own, [8, 8, 8, 8], [8, 8]);
    const run = threeD({ "transform.augment": "published", "network.weighted_loss": "true" });
    scope(() => {
      using store = new VolumeStore(datasetSource(dataset), volumeTransform(run, dataset, "cpu"));
      using model = createVolumeModel({ ...run.network, model: "simple", dropout: 0 }, 2, [8, 8, 8]);
      const stage = voxelStage({ config: run, task: taskOf(dataset), store, model, compute, metadata: {} });
      const batch = taskOf(dataset).parts.train.slice(0, 2);
      const input = (epoch: number) =>
        (stage.input(batch, epoch, 0) as { unit_B1HWD: Tensor }).unit_B1HWD.toArray();
      const plain = store.unit(batch).toArray();
      assert.notDeepEqual(input(0), plain, "augmented");
      assert.notDeepEqual(input(1), input(0), "drawn again in each epoch");
      assert.deepEqual(input(0), input(0), "by the seed");
      assert.equal(typeof stage.mass(stage.input(batch, 0, 0), { first: 0, count: 2 }), "number");
      // Whatever the slice stage can be told of its optimisation, the stage of volumes can.
      const shared = Object.keys(stacked().slice).filter((key) => key in stacked().fineTune);
      assert.deepEqual(
        shared.filter((key) => !(key in stage.config)),
        [],
      );
    });
    assert.notEqual(run.network.model.name, "simple", "287 million parameters are not the default");
    const page = readFileSync(docs("reference/models.md"), "utf8");
    assert.match(page, /\| `simple` \|.*\| 287 M \|/, "and where it is used, its size stands beside it");
  },
);

trap(
  8,
  "false and 0 are kept, yes and 1 are refused as booleans, and the classes are counted in the data",
  (own) => {
    const flat = (text: string) =>
      ofMethod(loadConfig({ text: `{dataset_id: 2d, model: 2d_cnn, ${text}}` }), "2d");
    const off = flat("weighted: false, no_transform: false, overfit: false, dropout: 0");
    assert.deepEqual([off.slice.weightedSampler, off.overfit, off.slice.dropout], [false, false, 0]);
    assert.notDeepEqual(off.transform.augment, flat("no_transform: true").transform.augment);
    for (const value of ["yes", "1", "0", '"false"', "null"])
      assert.throws(() => flat(`weighted: ${value}`), {
        name: "ConfigError",
        message: /weighted: expected true or false/,
      });
    assert.throws(() => flat("wieghted: true"), /unknown key wieghted; did you mean weighted\?/);
    const three = join(own, "three");
    blankRun(at("begun"), three, tinyConfig({ ...short, "task.classes_to_include": "[0, 2, 4]" }));
    trainHere(three, data);
    const bias = (stage: "slice" | "volume", name: string) =>
      scope(() => readSafetensors(runPaths(three).best(stage)).tensors.get(name)!.shape);
    assert.deepEqual([bias("slice", "fc3.bias"), bias("volume", "classifier.bias")], [[3], [3]]);
    using head = createHead({ model: "flatten", dropout: 0 }, { embedding: 4, slices: 3, classes: 7 });
    assert.deepEqual([...head.namedParameters().values()].at(-1)!.shape, [7]);
  },
);

trap(
  9,
  "results are never overwritten, one process works in a folder, and a ':' in an argument stays in it",
  async (own) => {
    const run = join(own, "run: 1");
    blankRun(at("begun"), run);
    trainHere(run, data);
    const before = weightsOf(run, ["slice", "volume"]);
    await assert.rejects(train({ config: tinyConfig({ seed: "5" }), data, out: run }), {
      name: "RunError",
      message: /already holds a run/,
    });
    {
      using _held = FolderLock.take(run);
      const again = train({ config: tinyConfig(short), data, out: run, resume: true });
      await assert.rejects(again, { name: "LockedError" });
    }
    assert.deepEqual(weightsOf(run, ["slice", "volume"]), before);

    const stdout = new PassThrough();
    const told = stdout.toArray();
    const code = "console.log(process.argv.slice(1).join('|'))";
    await launchProcesses(1, process.execPath, ["-e", code, "--", "lr: 0.1", "a:b c", "d'e"], {
      stdout,
      cores: 1,
    });
    stdout.end();
    assert.equal(
      Buffer.concat((await told) as Buffer[])
        .toString()
        .trim(),
      "lr: 0.1|a:b c|d'e",
    );
  },
);

trap(
  10,
  "a volume's slices go through the trunk once, not once an epoch, and never again for the same weights",
  (own) => {
    const run = join(own, "run");
    blankRun(at("begun"), run, tinyConfig({ ...short, "head.epochs": "3" }));
    const stages = trainHere(run, data).reported;
    assert.equal(stages.filter((name) => name === "embeddings").length, 1, stages.join(", "));
    assert.ok(stages.indexOf("embeddings") < stages.indexOf("volume stage"));

    const dataset = randomDataset(own, [3, 4], [8, 8]);
    scope(() => {
      using store = new SliceStore(datasetSource(dataset), sliceTransform(config(), dataset, "cpu"));
      let passes = 0;
      using model = new Watcher(() => passes++);
      const source: FeatureSource = { model, weightsHash: "w", store, datasetHash: "trap 10" };
      const asked = taskOf(dataset).parts.train;
      const [first, second] = [0, 1].map(() => volumeEmbeddings(source, asked, compute).features_N);
      assert.equal(passes, 1);
      assert.deepEqual(second!.toArray(), first!.toArray());
      volumeEmbeddings({ ...source, weightsHash: "others" }, asked, compute);
      assert.equal(passes, 2, "other weights, other embeddings");
      assert.ok(cat([first!]).numel > 0);
    });
  },
);

trap(
  11,
  "a task is called what it does: classes have the names of their labels, and the names of our files fit",
  () => {
    const named = stageClasses(
      loadConfig({ text: "{name: 1v3, task: {classes_to_include: [0, 2]}}" }),
      upTo(5),
      ["CT-0", "CT-1", "CT-2", "CT-3", "CT-4"],
    );
    assert.deepEqual(named.names, ["CT-0", "CT-2"]);
    const files = readdirSync(root("configs"), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".yaml") && !name.startsWith("sweeps"));
    assert.ok(files.length >= 5);
    for (const file of files) {
      const { name, task } = loadConfig({ file: root(`configs/${file}`) });
      if (file === "published/1v3.yaml") {
        // It keeps the published name for those who look for it, and says in its head what it is.
        assert.match(misnamed(file, task) ?? "", /0, 2/);
        assert.match(
          readFileSync(root(`configs/${file}`), "utf8"),
          /CT-0 against CT-2, whatever its name says/,
        );
        continue;
      }
      for (const text of [file, name]) assert.equal(misnamed(text, task), null, file);
    }
    const task = loadConfig({ text: "task: {classes_to_include: [0, 2]}" }).task;
    assert.match(misnamed("1v3.yaml", task) ?? "", /0, 2/, "the published file would be found");
    assert.equal(misnamed("mosmed_0_vs_2", task), null);
  },
);

const root = (path: string) => fileURLToPath(new URL(`../../../../../${path}`, import.meta.url));
const docs = (path: string) => root(`docs/${path}`);

test("docs/explanation/traps.md names these tests, all of them and no others, and files that are there", () => {
  const page = readFileSync(docs("explanation/traps.md"), "utf8");
  const listed = [...page.matchAll(/`(trap \d+: [^`]+)`/g)].map(([, title]) => title);
  assert.deepEqual(listed, titles);
  assert.deepEqual(
    [...new Set(titles.map((title) => Number(/\d+/.exec(title))))],
    upTo(11).map((k) => k + 1),
  );
  const files = [...page.matchAll(/`((?:packages|test)\/[\w./*-]+\.ts)`/g)].map(([, path]) => path!);
  assert.ok(files.length >= 11);
  for (const path of files) assert.ok(existsSync(root(path)), path);
});
