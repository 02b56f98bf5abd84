/** The page: a model and scans in, a card for each scan out. The work is done in worker.ts. */
import { failureCard, modelFacts, resultCard, setAsideCard } from "./cards.js";
import { droppedFiles } from "./dropped-files.js";
import type { Reply, Request } from "./messages.js";
import type { GraphFacts } from "@slicestack/volume/onnx";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const [modelInput, fileInput, folderInput] = ["model", "files", "folder"].map((id) =>
  element<HTMLInputElement>(id),
);
const [status, results, drop, facts] = ["status", "results", "drop", "facts"].map((id) => element(id));

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const ask = (request: Request) => worker.postMessage(request);
let opened: GraphFacts | undefined;
let isReady = false;
let failures = 0;

function busy(text: string): void {
  status!.textContent = text;
  allow(false);
}

function idle(text: string): void {
  status!.textContent = text;
  allow(true);
}

function allow(isAllowed: boolean): void {
  modelInput!.disabled = !isAllowed;
  for (const input of [fileInput!, folderInput!]) input.disabled = !isAllowed || opened === undefined;
  document.body.classList.toggle("busy", !isAllowed);
}

function predict(files: File[]): void {
  if (opened === undefined || files.length === 0 || fileInput!.disabled) return;
  results!.replaceChildren();
  failures = 0;
  busy("Looking for scans …");
  ask({ kind: "predict", files });
}

worker.onmessage = ({ data }: MessageEvent<Reply>) => {
  switch (data.kind) {
    case "ready":
      isReady = true;
      return idle("Choose a model.");
    case "opened":
      opened = data.facts;
      facts!.hidden = false;
      facts!.replaceChildren(...modelFacts(data.facts, data.isCalibrated));
      return idle("Choose scans.");
    case "stage":
      return void (status!.textContent = data.text);
    case "result":
      return results!.append(resultCard(data.result, opened!));
    case "failed":
      failures++;
      return results!.append(failureCard(data.source, data.reason));
    case "done":
      if (data.setAside.length > 0) results!.append(setAsideCard(data.setAside));
      return idle(doneText(data.scans));
    case "refused":
      return isReady ? idle(data.message) : busy(data.message);
  }
};

const doneText = (scans: number): string => {
  const done = scans === 1 ? "1 scan was predicted." : `${scans} scans were predicted.`;
  return failures === 0 ? done : `${done} ${failures} could not be predicted.`;
};

/** The worker gets files under their paths in the folder, which copies of a File would lose. */
const withPath = (file: File) =>
  file.webkitRelativePath === "" ? file : new File([file], file.webkitRelativePath, { type: file.type });

function taken(input: HTMLInputElement): File[] {
  const files = [...(input.files ?? [])].map(withPath);
  input.value = ""; // so that the same choice can be made again
  return files;
}

modelInput!.addEventListener("change", () => {
  const [model] = taken(modelInput!);
  if (model === undefined) return;
  opened = undefined;
  facts!.hidden = true;
  results!.replaceChildren();
  busy(`Opening ${model.name} …`);
  ask({ kind: "open", model });
});
for (const input of [fileInput!, folderInput!]) input.addEventListener("change", () => predict(taken(input)));

for (const type of ["dragover", "drop", "dragleave"] as const)
  document.addEventListener(type, (event) => {
    event.preventDefault(); // a drop beside the field must not replace the page
    drop!.classList.toggle("over", type === "dragover" && !fileInput!.disabled);
    if (type === "drop" && event.dataTransfer !== null) void droppedFiles(event.dataTransfer).then(predict);
  });

busy("Loading …");
