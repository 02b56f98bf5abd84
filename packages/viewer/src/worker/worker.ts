/** Reads, prepares and predicts beside the page, so that the page stays responsive. Requests are answered in their order. */
import * as ort from "onnxruntime-web/wasm";
import { codecUrl, loadAll } from "./offline.js";
import type { Reply, Request } from "./messages.js";
import { Reader } from "./reader.js";

const reply = (message: Reply, transfer: Transferable[] = []) => postMessage(message, { transfer });
const reader = new Reader({ ort, codecUrl, reply });
const broken = (error: unknown) =>
  reply({ kind: "broken", message: error instanceof Error ? error.message : String(error) });

let last: Promise<void> = loadAll();
last.then(() => reply({ kind: "ready" }), broken);

function answer(request: Request): Promise<void> {
  switch (request.kind) {
    case "model":
      return reader.openModel(request.bytes, request.number);
    case "find":
      return reader.find(request.files, request.number);
    case "scan":
      return reader.show(request.index);
    case "close":
      return reader.closeModel();
  }
}

onmessage = ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data)).catch(broken);
};
