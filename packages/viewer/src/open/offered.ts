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
  try {
    const response = await fetch("slicestack.json");
    if (response.ok) offered.value = (await response.json()) as Offered;
  } catch (error) {
    reading.broken.value = `slicestack.json: ${(error as Error).message}`;
    return;
  }
  const { models, scans, offline } = offered.value;
  if (models[0] !== undefined) await openOfferedModel(reading, models[0].file);
  if (scans[0] !== undefined) await openOfferedScan(reading, "0");
  if (offline) await keep();
}

export async function openOfferedModel(reading: Reading, file: string): Promise<void> {
  const model = offered.value.models.find((one) => one.file === file);
  if (model !== undefined) await reading.openModel(model.name, fetched(file), file);
}

/** @param index of the scan in the list, as text: several may have one name */
export async function openOfferedScan(reading: Reading, index: string): Promise<void> {
  const scan = offered.value.scans[Number(index)];
  if (scan !== undefined) await reading.openFiles(filesOf(scan.files), index);
}

/** A series may have thousands of files, more than a browser requests at once. */
async function filesOf(listed: readonly { name: string; file: string }[]): Promise<File[]> {
  const files: File[] = [];
  const AT_ONCE = 16;
  for (let start = 0; start < listed.length; start += AT_ONCE) {
    const some = listed.slice(start, start + AT_ONCE);
    files.push(
      ...(await Promise.all(some.map(async ({ name, file }) => new File([await fetched(file)], name)))),
    );
  }
  return files;
}

async function fetched(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.blob();
}

/** Browsers offer this on HTTPS and on this machine's own address only. */
async function keep(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("sw.js");
    await navigator.serviceWorker.ready;
    isKept.value = true;
  } catch {
    isKept.value = false; // storage is full or forbidden: the page works, and does not say that it is kept
  }
}
