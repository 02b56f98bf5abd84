/** A data set made in pieces, on machines that share only the source, and merged afterwards. */
import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { NpyWriter } from "@slicestack/volume/node";
import { z } from "zod";
import { StagedFolder, writeFileAtomic } from "../atomic.js";
import { codeOf } from "../error-code.js";
import { DatasetError, PrepareError } from "../errors.js";
import { checkedName } from "../dataset-name.js";
import { openSealed, sealedJson } from "../sealed-json.js";
import { writeOfficialSplit } from "../split/official.js";
import {
  datasetHash,
  infoText,
  openDataset,
  presentLabels,
  storeBytes,
  type Dataset,
  type DatasetInfo,
} from "../store.js";
import type { VolumeRecord } from "../volume-record.js";
import { formatSubjects } from "../subjects.js";
import type { Plan } from "./plan.js";

/** Piece `index` of `count`, counted from 1. */
export interface Shard {
  index: number;
  count: number;
}

const schema = z.strictObject({
  index: z.int().min(1),
  count: z.int().min(1),
  key: z.string(),
  /** Volumes of the piece that were left out. */
  quarantined: z.array(z.object({ source: z.string(), reason: z.string() })),
});
type ShardRecord = z.infer<typeof schema>;

/** A piece: consecutive volumes of the plan, about as many as in any other piece. @throws PrepareError */
export function shardOf(plan: Plan, shard: Shard | undefined): Plan {
  if (shard === undefined) return plan;
  const { index, count } = shard;
  const whole = [index, count].every(Number.isSafeInteger);
  if (!whole || index < 1 || index > count)
    throw new PrepareError(
      `shard: expected I/N with I from 1 to N, received ${index}/${count}`,
      "1/4 is the first of four.",
    );
  const at = (k: number) => Math.floor((k * plan.volumes.length) / count);
  const volumes = plan.volumes.slice(at(index - 1), at(index));
  return { ...plan, volumes, broken: index === 1 ? plan.broken : [], left: index === 1 ? plan.left : [] };
}

export function writeShard(
  folder: string,
  shard: Shard,
  key: string,
  quarantined: ShardRecord["quarantined"],
): void {
  const record: ShardRecord = { ...shard, key, quarantined };
  writeFileAtomic(join(folder, "shard.json"), sealedJson(record));
}

/** A piece none of whose volumes could be read has a record but no data set. */
interface Piece {
  folder: string;
  record: ShardRecord;
  dataset: Dataset | null;
}

function openPiece(folder: string): Piece {
  const file = join(folder, "shard.json");
  let record: ShardRecord;
  try {
    record = schema.parse(openSealed(readFileSync(file, "utf8")).value);
  } catch (cause) {
    throw new DatasetError(
      file,
      `expected a piece of a data set (${codeOf(cause)})`,
      "Give folders that slicestack prepare --shard made.",
      { cause },
    );
  }
  return { folder, record, dataset: existsSync(join(folder, "dataset.json")) ? openDataset(folder) : null };
}

export interface MergeOptions {
  /** Folders that `prepare` made with `shard`, in any order. */
  shards: readonly string[];
  destination: string;
  overwrite?: boolean;
  name?: string;
}

/**
 * Merges the pieces of one preparation. The bytes are the same as if it had been made in one piece.
 * @throws PrepareError if a piece is missing, given twice, or of another preparation   @throws DatasetError
 */
export async function mergeShards({
  shards,
  destination,
  overwrite = false,
  name,
}: MergeOptions): Promise<Dataset> {
  const pieces = shards.map(openPiece).sort((a, b) => a.record.index - b.record.index);
  const datasets = checkedPieces(pieces);
  const [first] = datasets;
  const checkedDatasetName = checkedName(name ?? basename(resolve(destination)));
  const folder = new StagedFolder(destination, "dataset", overwrite);
  try {
    const volumes = await concatenated(datasets, folder.path);
    const csv = formatSubjects(volumes);
    const { height, width, dtype } = first!.info;
    const slices = volumes.reduce((sum, { count }) => sum + count, 0);
    const { labels: _, ...common } = first!.info;
    const info: DatasetInfo = {
      ...common,
      ...presentLabels(volumes, common.classes),
      name: checkedDatasetName,
      count: volumes.length,
      hash: datasetHash([slices, height, width], dtype, csv),
      quarantined: pieces.flatMap(({ record }) => record.quarantined),
    };
    writeFileAtomic(join(folder.path, "subjects.csv"), csv);
    writeFileAtomic(join(folder.path, "dataset.json"), infoText(info));
    writeOfficialSplit(folder.path);
    folder.commit();
  } finally {
    folder.abort();
  }
  return openDataset(destination);
}

/** @returns the data sets of the pieces that have one, in order */
function checkedPieces(pieces: readonly Piece[]): Dataset[] {
  const remedy = "Give every piece of one preparation once.";
  const [first] = pieces;
  if (first === undefined) throw new PrepareError("merge: expected pieces, received none", remedy);
  const { count, key } = first.record;
  pieces.forEach(({ record, folder }, k) => {
    if (record.key !== key || record.count !== count)
      throw new PrepareError(`${folder}: belongs to another preparation than ${first.folder}`, remedy);
    if (record.index !== k + 1)
      throw new PrepareError(
        `merge: expected piece ${k + 1} of ${count}, but ${folder} is piece ${record.index}`,
        remedy,
      );
  });
  if (pieces.length !== count)
    throw new PrepareError(`merge: expected ${count} pieces, received ${pieces.length}`, remedy);
  const datasets = pieces.flatMap(({ dataset }) => (dataset === null ? [] : [dataset]));
  const [frame] = datasets;
  if (frame === undefined)
    throw new PrepareError("merge: no piece has a volume", "See their quarantined lists in shard.json.");
  const other = datasets.find(({ info }) =>
    (["height", "width", "dtype"] as const).some((key) => info[key] !== frame.info[key]),
  );
  if (other === undefined) return datasets;
  const shape = ({ info }: Dataset) => `${info.dtype} ${info.height} x ${info.width}`;
  throw new PrepareError(
    `${other.directory} has slices of ${shape(other)}, ${frame.directory} of ${shape(frame)}`,
    "Prepare all pieces with the same --size.",
  );
}

const CHUNK_BYTES = 2 ** 24;

/** Writes slices.npy of all pieces into `folder`. @returns their volumes, at their new positions */
async function concatenated(datasets: readonly Dataset[], folder: string): Promise<VolumeRecord[]> {
  const { height, width, dtype } = datasets[0]!.info;
  const Voxels = { int16: Int16Array, uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array }[dtype];
  const sliceBytes = height * width * storeBytes[dtype];
  const atOnce = Math.max(1, Math.floor(CHUNK_BYTES / sliceBytes));
  await using writer = await NpyWriter.open(join(folder, "slices.npy"), dtype, [height, width]);
  const volumes: VolumeRecord[] = [];
  for (const { slicesPath, slicesOffset, volumes: pieceVolumes } of datasets) {
    const before = writer.count;
    volumes.push(...pieceVolumes.map((volume) => ({ ...volume, first: before + volume.first })));
    const total = pieceVolumes.reduce((sum, { count }) => sum + count, 0);
    const handle = await open(slicesPath);
    try {
      for (let start = 0; start < total; start += atOnce) {
        const bytes = new Uint8Array(Math.min(atOnce, total - start) * sliceBytes);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, slicesOffset + start * sliceBytes);
        if (bytesRead !== bytes.length)
          throw new DatasetError(slicesPath, "is shorter than its header says", "Prepare this piece again.");
        await writer.append(new Voxels(bytes.buffer));
      }
    } finally {
      await handle.close();
    }
  }
  await writer.close();
  return volumes;
}
