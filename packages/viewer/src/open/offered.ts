/** What the folder of the page offers: models and scans beside it, named in slicestack.json, and work without a network. */
import { signal } from "@preact/signals";
import type { Reading } from "../reading/reading.js";

/** slicestack.json; `slicestack export --to web` and `slicestack view` write it. Addresses are relative to the page. */
export interface Offered {
  version: 1;
  /** Whether the browser keeps the page and its models, so that they open without a network. */
  offline: boolean;
  models: { name: string; file: string }[];
  scans: { name: string; files: { name: string; file: string }[] }[];
}

export const NOTHING_OFFERED: Offered = { version: 1, offline: false, models: [], scans: [] };
export const offered = signal<Offered>(NOTHING_OFFERED);
/** Whether everything that the page needs is kept by the browser. */
export const isKept = signal(false);

export async function openOffered(reading: Reading): Promise<void> {
  const response = await fetch("slicestack.json");
  offered.value = response.ok ? ((await response.json()) as Offered) : NOTHING_OFFERED;
  const { models, scans, offline } = offered.value;
  if (models[0] !== undefined) await openOfferedModel(reading, models[0].file);
  if (scans[0] !== undefined) await openOfferedScan(reading, scans[0].name);
  if (offline) await keep();
}

export async function openOfferedModel(reading: Reading, file: string): Promise<void> {
  const model = offered.value.models.find((one) => one.file === file);
  if (model !== undefined) await reading.openModel(model.name, fetched(file));
}

export async function openOfferedScan(reading: Reading, name: string): Promise<void> {
  const scan = offered.value.scans.find((one) => one.name === name);
  if (scan === undefined) return;
  const files = scan.files.map(async (one) => new File([await fetched(one.file)], one.name));
  reading.openFiles(await Promise.all(files));
}

async function fetched(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.blob();
}

/** Browsers offer this on HTTPS and on this machine's own address only. */
async function keep(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("sw.js");
  await navigator.serviceWorker.ready;
  isKept.value = true;
}
