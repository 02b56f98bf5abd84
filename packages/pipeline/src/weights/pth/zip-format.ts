/** The format of torch.save since PyTorch 1.6: a zip archive with data.pkl and one part for each storage. */
import CRC32 from "crc-32";
import type { WeightsFile } from "@slicestack/torch/safetensors";
import { readArchive, type ArchivePart } from "./archive.js";
import { PickleBytes } from "./pickle-bytes.js";
import { StorageTable } from "./storage-id.js";
import { unpickle } from "./unpickle.js";
import type { PickleValue } from "./pickle-values.js";

const pickleName = "data.pkl";

/** @returns the object, whose storages know their positions, and notes for the user @throws CheckpointError if it is damaged or names objects that weights do not need */
export function readZipPth(file: WeightsFile): { object: PickleValue; notes: string[] } {
  const parts = readArchive(file);
  const root = rootOf(file, parts);
  const order = smallText(file, parts.get(`${root}byteorder`));
  if (order !== undefined && order !== "little")
    throw file.fault(
      `was written on a machine of ${JSON.stringify(order)} byte order`,
      "Load it in Python on a little-endian machine, and save it again.",
    );
  const pickle = parts.get(`${root}${pickleName}`);
  if (pickle === undefined) throw file.fault(`has no ${pickleName}`);
  refusePacked(file, pickle);
  refuseChanged(file, pickle);
  const table = new StorageTable();
  const object = unpickle(new PickleBytes(file, pickle.at, pickle.at + pickle.bytes), (id) => {
    const storage = table.find(id);
    const part = parts.get(`${root}data/${storage.name}`);
    if (part === undefined) throw file.fault(`the values of storage ${storage.name} are not in the file`);
    refusePacked(file, part);
    if (part.bytes !== storage.bytes)
      throw file.fault(
        `storage ${storage.name} has ${part.bytes} bytes, its tensors expect ${storage.bytes}`,
      );
    const { at, checksum } = part;
    storage.place = {
      at,
      isIntact: checksum === null ? null : (values) => CRC32.buf(values) >>> 0 === checksum,
    };
    return storage;
  });
  const notes = pickle.checksum === null ? ["The file was saved without checksums."] : [];
  return { object, notes };
}

/** The folder of all parts, with its slash: the name of the file when it was saved. */
function rootOf(file: WeightsFile, parts: ReadonlyMap<string, ArchivePart>): string {
  const names = [...parts.keys()];
  const roots = names
    .filter((name) => /^([^/]+\/)?data\.pkl$/.test(name))
    .map((name) => name.slice(0, -pickleName.length));
  if (names.some((name) => /^[^/]+\/(constants\.pkl$|code\/)/.test(name)))
    throw file.fault(
      "is a TorchScript program, not weights alone; no code of the file was executed",
      'Save its weights in Python: torch.save(torch.jit.load(FILE).state_dict(), "weights.pth").',
    );
  const [root] = roots;
  if (root !== undefined && roots.length === 1) return root;
  throw file.fault(
    "is a zip archive, but not one that torch.save wrote",
    'Give a file of weights: torch.save(model.state_dict(), "weights.pth").',
  );
}

function smallText(file: WeightsFile, part: ArchivePart | undefined): string | undefined {
  if (part === undefined || part.bytes > 64) return undefined;
  refusePacked(file, part);
  refuseChanged(file, part);
  return Buffer.from(file.read(part.at, part.bytes)).toString("latin1").trim();
}

function refusePacked(file: WeightsFile, { name, packed }: ArchivePart): void {
  if (packed)
    throw file.fault(
      `its part ${name} is compressed or encrypted, which torch.save does not do`,
      "Load it in Python and save it again: torch.save(torch.load(FILE), FILE).",
    );
}

function refuseChanged(file: WeightsFile, { name, at, bytes, checksum }: ArchivePart): void {
  if (checksum === null) return;
  let sum = 0;
  for (const piece of file.pieces(at, bytes)) sum = CRC32.buf(piece, sum);
  if (sum >>> 0 !== checksum)
    throw file.fault(`its part ${name} does not have the checksum that was saved with it`);
}
