/**
 * Predicts scans with a trained model: node examples/predict.mjs MODEL SCAN...
 * MODEL: a run, a group or a bundle. SCAN: DICOM folders or zip archives, NIfTI, NRRD, MetaImage. Run `make build` first.
 */
import { Predictor } from "@slicestack/pipeline";

const [path, ...scans] = process.argv.slice(2);
const model = await Predictor.open(path);
for (const { source, decision, probabilities, warnings } of await model.predict(scans)) {
  console.log(`${source}: ${decision.class}`, probabilities);
  for (const { message } of warnings) console.log(`  note: ${message}`);
}
await model[Symbol.asyncDispose]();
