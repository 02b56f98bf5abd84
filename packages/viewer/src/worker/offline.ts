/** Loads the readers, and the WebAssembly of the runtime and of the DICOM codecs, once: the page then needs no network. */
import { loadReaders } from "@slicestack/volume/onnx";
import codecs from "dcmjs-codecs/build/dcmjs-native-codecs.wasm?url";
import * as ort from "onnxruntime-web/wasm";
import runtime from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

let codecBytes: Promise<Blob> | undefined;
let codecPlace: string | undefined;

export async function loadAll(): Promise<void> {
  // More threads need a page that is isolated by COOP and COEP, which plain HTTP cannot have.
  ort.env.wasm.numThreads = 1;
  codecBytes = fetched(codecs).then((response) => response.blob());
  ort.env.wasm.wasmBinary = await (await fetched(runtime)).arrayBuffer();
  await Promise.all([codecBytes, loadReaders()]);
}

/** Where compressed DICOM finds its codecs: in memory. */
export async function codecUrl(): Promise<string> {
  codecPlace ??= URL.createObjectURL(new Blob([await codecBytes!], { type: "application/wasm" }));
  return codecPlace;
}

async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response;
}
