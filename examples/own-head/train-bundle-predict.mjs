/**
 * Trains a model with a head of one's own, packs it with its code, and predicts:
 *
 *     node examples/own-head/train-bundle-predict.mjs DATA OUT SCAN
 *
 * DATA: a prepared data set with a split. OUT: a new folder. SCAN: a file or folder. Run `make build` first.
 */
import { join } from "node:path";
import { exportBundle, loadConfig, Predictor, train, usePlugins } from "@slicestack/pipeline";

const [data, out, scan] = process.argv.slice(2);
const file = join(import.meta.dirname, "config.yaml");
await usePlugins({ file });
const config = loadConfig({ file });
const { run } = await train({ config, data, out: join(out, "run") });
const bundle = join(out, "smooth-max.slicestack");
await exportBundle({ model: run, out: bundle });

// The bundle holds smooth-max.mjs. Code of a bundle runs only where that is allowed.
const model = await Predictor.open(bundle, { allowPlugins: true });
const [result] = await model.predict(scan);
console.log(JSON.stringify({ class: result.decision.class, probabilities: result.probabilities }));
await model[Symbol.asyncDispose]();
