/**
 * The format of torch.save before PyTorch 1.6, and with _use_new_zipfile_serialization=False: five pickles (magic
 * number, version, properties of the machine, the object, names of storages), then the count and values of each storage.
 */
import type { WeightsFile } from "@slicestack/torch/safetensors";
import { PickleBytes } from "./pickle-bytes.js";
import { StorageTable } from "./storage-id.js";
import { unpickle } from "./unpickle.js";
import type { PickleValue } from "./pickle-values.js";

const magicNumber = 0x1950a86a20f9469cfc6cn;
const version = 1001;
/** The first pickle: protocol (2 to 5, at byte 1; with a frame from protocol 4), then the number as LONG1. */
const magicBytes = Buffer.from("8a0a6cfc9c46f9206aa850192e", "hex");

export function isLegacyPth(start: Uint8Array): boolean {
  return start[0] === 0x80 && Buffer.from(start.subarray(0, 32)).includes(magicBytes);
}

/** @returns the object, whose storages know their positions @throws CheckpointError if it is damaged or names objects that weights do not need */
export function readLegacyPth(file: WeightsFile): PickleValue {
  const bytes = new PickleBytes(file, 0, file.size);
  if (unpickle(bytes) !== magicNumber) throw bytes.fault("expected the magic number of torch.save");
  const written = unpickle(bytes);
  if (written !== version) throw bytes.fault(`expected version ${version} of torch.save's format`);
  const facts = unpickle(bytes);
  if (!(facts instanceof Map) || facts.get("little_endian") !== true)
    throw bytes.fault(
      "was not written on a little-endian machine",
      "Load it in Python on a little-endian machine, and save it again.",
    );
  const table = new StorageTable();
  const object = unpickle(bytes, (id) => table.find(id));
  placeStorages(file, bytes, table, unpickle(bytes));
  return object;
}

/** The values of the storages follow one another in the order of the names. */
function placeStorages(
  file: WeightsFile,
  bytes: PickleBytes,
  { storages }: StorageTable,
  names: PickleValue,
): void {
  if (!Array.isArray(names)) throw bytes.fault("expected a list of storages");
  let { at } = bytes;
  for (const name of names) {
    const storage = typeof name === "string" ? storages.get(name) : undefined;
    if (storage === undefined || storage.place !== null)
      throw bytes.fault("the list of storages does not fit the tensors");
    const count = new DataView(file.read(at, 8).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.count))
      throw file.fault(`storage ${storage.name} has ${count} values, its tensors expect ${storage.count}`);
    storage.place = { at: at + 8, isIntact: null };
    at += 8 + storage.bytes;
    if (at > file.size)
      throw file.fault(`storage ${storage.name} ends at byte ${at}, the file at ${file.size}`);
  }
  if (at !== file.size) throw file.fault(`expected ${at} bytes, the file has ${file.size}`);
  for (const { name, place } of storages.values())
    if (place === null) throw bytes.fault(`storage ${name} is not in the file`);
}
