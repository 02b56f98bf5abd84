/** A prepared data set that says something else, with the hashes that belong to it: for what reads data sets. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSealed } from "../../src/data/sealed-json.js";
import { datasetHash, infoText, openDataset, type DatasetInfo } from "../../src/data/store.js";

/** Changes dataset.json and the text of subjects.csv in place. */
export function rewriteDataset(
  folder: string,
  change: (info: DatasetInfo) => Partial<DatasetInfo>,
  table: (csv: string) => string = (csv) => csv,
): void {
  const slices = openDataset(folder).volumes.reduce((sum, { count }) => sum + count, 0);
  const [file, subjects] = [join(folder, "dataset.json"), join(folder, "subjects.csv")];
  const before = openSealed(readFileSync(file, "utf8")).value as DatasetInfo;
  const csv = table(readFileSync(subjects, "utf8"));
  const isSame = csv === readFileSync(subjects, "utf8");
  const hash = isSame ? before.hash : datasetHash([slices, before.height, before.width], before.dtype, csv);
  writeFileSync(subjects, csv);
  writeFileSync(file, infoText({ ...before, hash, ...change(before) }));
}
