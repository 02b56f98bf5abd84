import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
} from "yaml";
import { ConfigError } from "./errors.js";
import { readGivenFile } from "./given-file.js";
import { findConfig, shippedHint } from "./shipped.js";

export type Mapping = Record<string, unknown>;

export interface Position {
  line: number;
  column: number;
}

/** A parsed YAML file that can say where each key and value stands. */
export interface ConfigSource {
  file: string;
  root: Mapping;
  /** Where the key or value at a path starts; the nearest enclosing place where the path itself is absent. */
  locate(path: readonly PropertyKey[], what: "key" | "value"): Position;
}

/** @throws ConfigError where the file cannot be read, is no YAML, or holds no map */
export function readSource(options: { file?: string; text?: string }): ConfigSource {
  if (options.text !== undefined) return parseSource(options.file ?? "config", options.text);
  if (options.file === undefined) return parseSource("config", "");
  const file = findConfig(options.file);
  return parseSource(file, readText(file));
}

function readText(file: string): string {
  try {
    return readGivenFile(file).toString("utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : (error as Error).message;
    const reason = code === "EISDIR" ? "a folder" : `one that cannot be read (${code})`;
    const message =
      code === "ENOENT"
        ? `there is no such file; ${shippedHint(file)}`
        : `expected a YAML file that can be read, found ${reason}`;
    throw new ConfigError([{ key: "", file, message }]);
  }
}

function parseSource(file: string, text: string): ConfigSource {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: "error" });
  const position = (offset: number): Position => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // A warning is a tag that YAML does not know: its value would arrive as something else than was meant.
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0)
    throw new ConfigError(
      faults.map(({ message, pos }) => ({ key: "", file, ...position(pos[0]), message: plain(message) })),
    );
  refuseProto(document, file, position);
  const root: unknown = toPlain(document, file);
  if (!isMapping(root))
    throw new ConfigError([
      {
        key: "",
        file,
        line: 1,
        column: 1,
        message: `expected "key: value" lines, received ${received(root)}`,
      },
    ]);
  return { file, root, locate: (path, what) => position(offsetOf(document, path, what)) };
}

/** What the parser says of its own making, in words for the file. */
function plain(message: string): string {
  if (/call stack/i.test(message)) return "collections are nested too deeply to be read";
  return /multiple documents/.test(message)
    ? "expected one configuration, found a second one after ---"
    : message;
}

/** A key that JavaScript would take for the object's prototype and lose: it can only be an attack, or a slip. */
function refuseProto(document: Document, file: string, position: (offset: number) => Position): void {
  visit(document, {
    Pair: (_, { key }) => {
      if (!isScalar(key) || key.value !== "__proto__") return;
      throw new ConfigError([
        { key: "__proto__", file, ...position(startOf(key) ?? 0), message: "unknown key __proto__" },
      ]);
    },
  });
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // yaml refuses aliases that grow without bound, and names that are not defined, only here.
    const message = plain(error instanceof Error ? error.message : String(error));
    throw new ConfigError([{ key: "", file, line: 1, column: 1, message }]);
  }
}

function offsetOf(document: Document, path: readonly PropertyKey[], what: "key" | "value"): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, name] of path.entries()) {
    const last = depth === path.length - 1;
    if (isSeq(node)) node = node.items[Number(name)];
    else if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(name),
      );
      if (!pair) return offset;
      offset = startOf(pair.key) ?? offset;
      if (last && what === "key") return offset;
      node = pair.value;
    } else return offset;
    offset = startOf(node) ?? offset;
  }
  return offset;
}

const startOf = (node: unknown): number | undefined => (isNode(node) ? node.range?.[0] : undefined);

export function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Characters of a value that are shown. */
const MOST_SHOWN = 200;

const shortened = (text: string): string =>
  text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}… (${text.length} characters)`;

/** JSON knows neither NaN nor infinity, and would show null. */
const nonFiniteAsText = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/** A value as an error message shows it. */
export function received(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (typeof value === "string") return `the text ${shortened(JSON.stringify(value))}`;
  if (Array.isArray(value)) return `the list ${shortened(JSON.stringify(value, nonFiniteAsText))}`;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return "a section";
}

/** Sets a dotted key, making its section where it is absent. */
export function setKey(root: Mapping, dotted: string, value: unknown): void {
  const [section, name] = dotted.includes(".") ? dotted.split(".") : [undefined, dotted];
  if (section === undefined) root[dotted] = value;
  else {
    const inner = root[section] ?? {};
    // A section that is no map is reported as such; there is nowhere to set the key.
    if (!isMapping(inner)) return;
    inner[name] = value;
    root[section] = inner;
  }
}

/** The value at a path; undefined where the path does not exist. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let inner = value;
  for (const name of path) inner = isMapping(inner) ? inner[String(name)] : undefined;
  return inner;
}

/** Numbers, true, false, null and plain quoted texts, which JSON and YAML read alike, and JSON much faster. */
const SIMPLE = /^(-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?|true|false|null|"[\w.: -]*")$/;

/** A flag's text as YAML reads it; where a text is expected, `--name 2024` and `--checkpoint [a].pth` stay texts. */
export function yamlScalar(text: string, fits: (value: unknown) => boolean): unknown {
  const simple = SIMPLE.test(text) ? (JSON.parse(text) as unknown) : undefined;
  if (simple !== undefined) return !fits(simple) && fits(text) ? text : simple;
  const document = parseDocument(text, { logLevel: "error" });
  const isPlain = document.errors.length + document.warnings.length > 0 || /__proto__/.test(text);
  const value: unknown = isPlain ? text : document.toJS();
  return !fits(value) && fits(text) ? text : value;
}
