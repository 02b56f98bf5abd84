/** PDUs of a sender (PS3.8, 9.3) that does what a proper one would not. */

const [CT, EXPLICIT] = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"];
const CONTEXT = 1;

/** A-ASSOCIATE-RQ for CT images, explicit VR little endian. */
export function associationPdu(from: string, to: string): Buffer {
  const contextItem = Buffer.concat([
    Buffer.from([CONTEXT, 0, 0, 0]),
    item(0x30, Buffer.from(CT)),
    item(0x40, Buffer.from(EXPLICIT)),
  ]);
  const longest = Buffer.alloc(4);
  longest.writeUInt32BE(2 ** 18);
  const body = Buffer.concat([
    Buffer.from([0, 1, 0, 0]),
    Buffer.from(to.padEnd(16) + from.padEnd(16)),
    Buffer.alloc(32),
    item(0x10, Buffer.from("1.2.840.10008.3.1.1.1")),
    item(0x20, contextItem),
    item(0x50, item(0x51, longest)),
  ]);
  return pdu(1, body);
}

/** The command of a C-STORE, and its data set in one fragment, of a DICOM file. */
export function storePdus(file: Buffer): [Buffer, Buffer] {
  const dataSet = file.subarray(144 + file.readUInt32LE(140));
  const elements = Buffer.concat([
    element(0x0002, Buffer.from(`${CT}\0`)),
    element(0x0100, short(1)),
    element(0x0110, short(7)),
    element(0x0700, short(0)),
    element(0x0800, short(1)),
    element(0x1000, instanceOf(file)),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(elements.length);
  const command = Buffer.concat([element(0x0000, length), elements]);
  return [fragmentPdu(command, 3), fragmentPdu(dataSet, 2)];
}

/** MediaStorageSOPInstanceUID. */
function instanceOf(file: Buffer): Buffer {
  const at = file.indexOf(Buffer.from([2, 0, 3, 0, 0x55, 0x49]));
  return at < 0 ? Buffer.from("1.2") : file.subarray(at + 8, at + 8 + file.readUInt16LE(at + 6));
}

/** P-DATA-TF with one value. @param flags 1: of a command, 2: the last */
export function fragmentPdu(bytes: Buffer, flags: number): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(bytes.length + 2);
  head[4] = CONTEXT;
  head[5] = flags;
  return pdu(4, Buffer.concat([head, bytes]));
}

function pdu(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head[0] = type;
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function item(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head[0] = type;
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** Of a command: implicit VR little endian. */
function element(tag: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(tag, 2);
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

function short(number: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(number);
  return bytes;
}
