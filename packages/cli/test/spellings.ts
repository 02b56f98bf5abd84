/** Commands with their paths spelled in many ways, each spelling in a copy of the same folder of inputs. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import { before, test } from "node:test";
import { prepare } from "@slicestack/pipeline";
import { writeNpy } from "@slicestack/volume/node";
import sharp from "sharp";
import { CommandFolder, type Ended } from "./command.js";
import type { CommandLine } from "./many-commands.js";
import { small2dConfig, smallConfig, smallData } from "./small-data.js";

const folder = new CommandFolder();
const at = (...parts: string[]) => join(realpathSync(folder.path), ...parts);

interface Spelling {
  /** The copy that it works in, with all inputs, and where a command is given. */
  place: string;
  cwd?: string;
  of: (path: string, place: string) => string;
}

const isFile = (path: string) => /\.\w+$/.test(path);
const spellings: Record<string, Spelling> = {
  plain: { place: "plain", of: (path) => path },
  "./x": { place: "dot-slash", of: (path) => `./${path}` },
  "x/": { place: "slash", of: (path) => (isFile(path) ? path : `${path}/`) },
  // The main path is the folder that the command is given in; all others are seen from there.
  ".": { place: "within", of: (path) => join("..", path) },
  "a/../x": { place: "up", of: (path) => `scans/../${path}` },
  absolute: { place: "absolute", of: (path, place) => join(place, path) },
  "with a space": { place: "two words/here", cwd: "two words", of: (path) => `here/${path}` },
  "through a link": { place: "through", of: (path) => `links/here/${path}` },
  "that is a link": {
    place: "linked",
    of: (path, place) => (existsSync(join(place, "links", path)) ? `links/${path}` : path),
  },
};

export interface Command {
  /** Its words: "@NAME" is a path, "@@NAME" the main one, of which `.` is tried. */
  line: string;
  /** What it writes and must be the same, byte by byte. */
  writes?: string[];
  /** Its numbers are of this machine and moment: only its exit code counts, and what it writes. */
  isOfTheMoment?: boolean;
  /** Further keys of its result that hold paths. */
  paths?: string[];
  /** Spellings that are tried, where it takes long (default: all). */
  only?: string[];
}

/** The words of a command line, with its paths spelled; without a main path there is no folder to be within. */
function spelled({ line }: Pick<Command, "line">, spelling: Spelling): CommandLine {
  const main = /@@(\S+)/.exec(line)?.[1];
  const { of, place, cwd = place } = spelling;
  const within = spelling === spellings["."] ? main : undefined;
  const args = line.split(" ").map((word) => {
    if (!word.startsWith("@")) return word;
    const path = word.replace(/^@+/, "");
    if (spelling === spellings["."] && main === undefined) return path;
    return path === within ? "." : of(path, at(place));
  });
  return { cwd: within === undefined ? at(cwd) : at(place, within), args: [...args, "--json"] };
}

/** What a command says, its paths as seen from the folder that all inputs are in. */
function told({ stdout }: Ended, { paths = [] }: Command, spelling: string, { cwd }: CommandLine): unknown {
  const keys = [...PATHS, ...paths];
  const seen = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => seen(item, key));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, seen(inner, name)]));
    if (typeof value !== "string" || !keys.includes(key)) return value;
    return relative(at(spellings[spelling]!.place), realpathSync(resolve(cwd, value)));
  };
  return seen(JSON.parse(stdout), "");
}

/** Keys of results that hold paths as they were given, or absolute ones. */
const PATHS = ["directory", "file", "files", "run", "report", "page"];

/** Names and contents of all files below a path. */
function content(path: string): [string, string][] {
  if (!statSync(path).isDirectory()) return [["", readFileSync(path, "base64")]];
  const files = readdirSync(path, { recursive: true, encoding: "utf8" }).sort();
  return files
    .filter((name) => statSync(join(path, name)).isFile())
    .map((name) => [name, readFileSync(join(path, name), "base64")]);
}

/** Runs all commands in all spellings, and adds a test for each that holds the results against those of the plain one. */
export function testSpellings(commands: Record<string, Command>): void {
  const tries = Object.entries(commands).flatMap(([name, command]) => {
    const tried = command.only ?? Object.keys(spellings);
    return [...new Set(["plain", ...tried])].map((spelling) => ({ name, command, spelling }));
  });
  let results: Ended[] = [];
  before(async () => {
    await makeInputs(at("plain"));
    folder.runMany(RUN.map((line) => spelled({ line }, spellings.plain!))).forEach(succeeded);
    makeCopies();
    results = folder.runMany(tries.map(({ command, spelling }) => spelled(command, spellings[spelling]!)));
  });
  const resultOf = (name: string, spelling: string) =>
    results[tries.findIndex((one) => one.name === name && one.spelling === spelling)]!;

  for (const [name, command] of Object.entries(commands))
    test(`${name}: the same result however its paths are spelled`, () => {
      const plain = resultOf(name, "plain");
      for (const { spelling } of tries.filter((one) => one.name === name)) {
        const result = resultOf(name, spelling);
        const line = spelled(command, spellings[spelling]!);
        assert.equal(result.status, 0, `${line.args.join(" ")}: ${result.stderr}`);
        if (command.isOfTheMoment !== true)
          assert.deepEqual(
            told(result, command, spelling, line),
            told(plain, command, "plain", spelled(command, spellings.plain!)),
            spelling,
          );
        for (const path of command.writes ?? [])
          assert.deepEqual(
            content(at(spellings[spelling]!.place, path)),
            content(at("plain", path)),
            `${spelling}: ${path}`,
          );
      }
    });
}

const STUDY =
  "name: study\nconfig: 2d.yaml\nseeds: 1\nmain: a\nvariants: {a: {}, b: {slice.vote: majority}}\n";

/** A scored run; it works for all that asks for one. */
const RUN = [
  "split @data",
  "train --config @small.yaml --data @data --out @run",
  "evaluate @run --no-images",
];

function succeeded({ status, stderr }: Ended): void {
  assert.equal(status, 0, stderr);
}

function makeCopies(): void {
  cpSync(at("plain/run"), at("plain/other"), { recursive: true });
  for (const { place } of Object.values(spellings).slice(1))
    cpSync(at("plain"), at(place), { recursive: true });
  mkdirSync(at("through/links"));
  symlinkSync("..", at("through/links/here"));
  mkdirSync(at("linked/links"));
  for (const name of readdirSync(at("plain"))) symlinkSync(join("..", name), at("linked/links", name));
}

/** Four scans with masks of their names, slices in class folders, pictures; data sets, one of them whole pieces. */
async function makeInputs(place: string): Promise<void> {
  const inPlace = (...parts: string[]) => join(place, ...parts);
  for (const name of ["classes/class_0", "classes/class_1", "pictures", "made", "runs"])
    mkdirSync(inPlace(name), { recursive: true });
  await smallData(place);
  const [head = "", ...rows] = readFileSync(inPlace("scans/labels.csv"), "utf8").trimEnd().split("\n");
  const partOf = (row: string) => ["train", "train", "val", "test"][Number(/S(\d+)/.exec(row)![1]) % 4]; // of one subject
  const parts = rows.map((row) => `${row.slice(0, row.indexOf(","))},${partOf(row)}`);
  writeFileSync(inPlace("parts.csv"), `id,part\n${parts.join("\n")}\n`);
  writeFileSync(inPlace("scans/labels.csv"), [head, ...rows.slice(0, 4), ""].join("\n"));
  for (const row of rows.slice(4)) rmSync(inPlace("scans", `${row.slice(0, row.indexOf(","))}.nii.gz`));
  cpSync(inPlace("scans"), inPlace("masks"), { recursive: true });
  const small = { source: inPlace("scans"), size: [16, 16] as [number, number], depth: 4, workers: 1 };
  await prepare({ ...small, destination: inPlace("few") });
  await prepare({ ...small, destination: inPlace("piece"), shard: { index: 1, count: 1 } });
  for (const [label, name, slice] of [0, 1].flatMap((l) =>
    ["a", "b"].flatMap((n) => [0, 1].map((k) => [l, n, k] as const)),
  ))
    await writeNpy(inPlace(`classes/class_${label}/${name}${label}_${slice}.npy`), {
      data: new Uint8Array(16).fill(40 * label + slice),
      shape: [4, 4],
    });
  for (const slice of [0, 1, 2])
    await sharp(Buffer.alloc(16, 10 * slice), { raw: { width: 4, height: 4, channels: 1 } })
      .png()
      .toFile(inPlace(`pictures/${slice}.png`));
  writeFileSync(inPlace("pictures.csv"), "path,label\npictures,0\n");
  writeFileSync(inPlace("small.yaml"), smallConfig);
  writeFileSync(inPlace("study.yaml"), STUDY);
  writeFileSync(
    inPlace("sweep.yaml"),
    "name: heads\nconfig: small.yaml\nspace: {head.model: [mean, attention]}\n",
  );
  writeFileSync(inPlace("2d.yaml"), small2dConfig);
}
