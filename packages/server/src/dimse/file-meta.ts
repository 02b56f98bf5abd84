/** The beginning of a DICOM file (PS3.10, 7.1), for objects that arrive over the network without one. */

/** Identifies this implementation: a UUID, fixed for ever, as a UID below 2.25. */
const IMPLEMENTATION = "2.25.219436529137443861035920477402136510581";

export interface StoredObjectMeta {
  sopClass: string;
  sopInstance: string;
  transferSyntax: string;
}

/** Preamble and file meta information, explicit VR little endian. */
export function fileMeta({ sopClass, sopInstance, transferSyntax }: StoredObjectMeta): Buffer {
  const meta = Buffer.concat([
    element(0x0001, "OB", Buffer.from([0, 1])),
    element(0x0002, "UI", uid(sopClass)),
    element(0x0003, "UI", uid(sopInstance)),
    element(0x0010, "UI", uid(transferSyntax)),
    element(0x0012, "UI", uid(IMPLEMENTATION)),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), element(0x0000, "UL", length), meta]);
}

/** UIDs have an even length. */
const uid = (text: string): Buffer => Buffer.from(text.length % 2 === 0 ? text : `${text}\0`, "latin1");

function element(tag: number, vr: string, value: Buffer): Buffer {
  const isLong = vr === "OB";
  const header = Buffer.alloc(isLong ? 12 : 8);
  header.writeUInt16LE(0x0002, 0);
  header.writeUInt16LE(tag, 2);
  header.write(vr, 4, "latin1");
  if (isLong) header.writeUInt32LE(value.length, 8);
  else header.writeUInt16LE(value.length, 6);
  return Buffer.concat([header, value]);
}
