/** Reads, prepares and predicts beside the page, so that the page stays responsive. */
import { OnnxPredictor } from "@slicestack/volume/onnx";
import * as ort from "onnxruntime-web/wasm";
import { codecUrl, loadAll } from "./offline.js";
import type { Reply, Request } from "./messages.js";

const reply = (message: Reply) => postMessage(message);
const loaded = loadAll();
let model: OnnxPredictor | undefined;

async function open(file: File): Promise<void> {
  await model?.[Symbol.asyncDispose]();
  model = undefined;
  model = await OnnxPredictor.open(ort, await file.arrayBuffer());
  reply({ kind: "opened", facts: model.facts, isCalibrated: model.isCalibrated });
}

const DOING = { read: "Reading", prepare: "Preparing", predict: "Predicting" };

async function predict(files: readonly File[]): Promise<void> {
  reply({ kind: "stage", text: `Looking for scans in ${files.length} files …` });
  const setAside: { name: string; reason: string }[] = [];
  let scans = 0;
  const results = model!.predictEach(files, {
    codecUrl: await codecUrl(),
    onStage: (stage, { description, source }) =>
      reply({ kind: "stage", text: `${DOING[stage]} ${description === "" ? source : description} …` }),
    onFailure: ({ source, reason }) => reply({ kind: "failed", source, reason }),
    onSetAside: (file) => setAside.push(file),
  });
  for await (const result of results) {
    scans++;
    reply({ kind: "result", result });
  }
  reply({ kind: "done", scans, setAside });
}

onmessage = ({ data }: MessageEvent<Request>) => {
  void loaded
    .then(() => (data.kind === "open" ? open(data.model) : predict(data.files)))
    .catch((error: unknown) =>
      reply({ kind: "refused", message: error instanceof Error ? error.message : String(error) }),
    );
};

void loaded.then(
  () => reply({ kind: "ready" }),
  () => reply({ kind: "refused", message: "The page could not load all of its parts. Reload it." }),
);
