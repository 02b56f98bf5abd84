/** PS3.3 C.12.1.1.2: the defined terms of SpecificCharacterSet, as labels that TextDecoder knows. */
const LABELS: Record<string, string> = {
  "": "latin1",
  "ISO_IR 6": "latin1",
  "ISO_IR 100": "latin1",
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "latin5",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 166": "windows-874",
  "ISO_IR 192": "utf-8",
  "ISO 2022 IR 13": "shift_jis",
  "ISO 2022 IR 87": "iso-2022-jp",
  "ISO 2022 IR 149": "euc-kr",
  "ISO 2022 IR 58": "gb18030",
  GB18030: "gb18030",
  GBK: "gbk",
};

const decoders = new Map<string, InstanceType<typeof TextDecoder>>();

/** @param characterSet value of SpecificCharacterSet; of several values, the last known one is used */
export function decodeText(bytes: Uint8Array, characterSet: string): string {
  const terms = characterSet.split("\\").map((term) => term.trim().replace("ISO 2022 IR 6", ""));
  const label = terms
    .map((term) => LABELS[term] ?? LABELS[term.replace("ISO 2022 IR", "ISO_IR")])
    .findLast(Boolean);
  let decoder = decoders.get(label ?? "latin1");
  if (decoder === undefined) {
    decoder = new TextDecoder(label ?? "latin1");
    decoders.set(label ?? "latin1", decoder);
  }
  return decoder.decode(bytes);
}
