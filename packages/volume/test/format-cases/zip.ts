import { openZipFile } from "../../src/node.js";
import { zipOf, type ZipMember } from "../zip-writer.js";
import { written, type FormatCase } from "./case.js";

const text = Buffer.from("some bytes, some bytes, some bytes");
const zipRefused = (what: string, outcome: RegExp, members: ZipMember[], repeat = 1): FormatCase => ({
  format: "zip",
  what,
  make: (folder) => written(folder, "a.zip", zipOf(members, { repeat })),
  outcome,
  read: async (path) => {
    await using archive = await openZipFile(path);
    for (const entry of archive.entries) await entry.read();
  },
});
export const zipCases: FormatCase[] = [
  zipRefused("a name with ..", /ambiguous/, [{ name: "../a.dcm", data: text }]),
  zipRefused("an absolute name", /ambiguous/, [{ name: "/a.dcm", data: text }]),
  zipRefused("a name twice", /ambiguous/, [
    { name: "a.dcm", data: text },
    { name: "a.dcm", data: text },
  ]),
  zipRefused("encrypted", /encrypted/, [{ name: "a.dcm", data: text, flags: 1 }]),
  zipRefused("deflate64 (method 9), or any but stored and deflate", /method 9/, [
    { name: "a.dcm", data: text, method: 9 },
  ]),
  zipRefused("more than deflate can hold", /declares/, [{ name: "a.dcm", data: text, declared: 2 ** 31 }]),
  zipRefused("more than it declares", /unpacks to more/, [
    { name: "a.dcm", data: Buffer.alloc(9999), declared: 99 },
  ]),
  zipRefused("less than it declares", /unpacks to 34/, [{ name: "a.dcm", data: text, declared: 35 }]),
  zipRefused("files over one another", /zip bomb/, [{ name: "a.dcm", data: text }], 3),
  zipRefused("a wrong checksum", /checksum/, [{ name: "a.dcm", data: text, crc: 1 }]),
  {
    ...zipRefused("cut", /damaged/, []),
    make: (folder) => written(folder, "a.zip", zipOf([{ name: "a", data: text }]).subarray(0, -9)),
  },
];
