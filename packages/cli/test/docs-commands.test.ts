/** Every command that the documentation shows can be run exactly as shown: through npx, with commands and options that exist. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { configKeys } from "@slicestack/pipeline/internal";
import { rewriteOverrides } from "../src/overrides.js";
import { buildProgram } from "../src/program.js";

const root = join(import.meta.dirname, "../../../..");
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.startsWith("reports"))
    .map((name) => join("docs", name)),
];
const configs = readdirSync(join(root, "configs"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => join("configs", name));

interface Shown {
  place: string;
  /** From `slicestack` on, comments and what follows in the shell cut off. */
  words: string[];
  before: string;
}

/** The command lines in fenced blocks, and in the head of each shipped configuration. */
function shownCommands(): Shown[] {
  return [...pages, ...configs].flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    const blocks = file.endsWith(".md")
      ? [...text.matchAll(/^```\w*\n([^]*?)^```/gm)].map(([, body = ""]) => body)
      : [text];
    return blocks.flatMap((block) => block.split("\n").flatMap((line) => commandsOf(line, file)));
  });
}

function commandsOf(line: string, file: string): Shown[] {
  const known = buildProgram(() => Promise.resolve()).commands.map((command) => command.name());
  const pattern = new RegExp(`(?<=^|[\\s(/])slicestack (?:${known.join("|")})(?![\\w-])[^#|&;]*`, "g");
  return [...line.matchAll(pattern)].map((match) => ({
    place: `${file}: ${line.trim()}`,
    words: match[0]
      .replace(/ {2,}.*$/, "")
      .trim()
      .split(/\s+/),
    before: line.slice(0, match.index),
  }));
}

const shown = shownCommands();

test("commands are shown with npx, or with the file that npx starts", () => {
  assert.ok(shown.length > 100, `only ${shown.length} commands were found`);
  for (const { place, before } of shown) assert.match(before, /npx $|node_modules\/\.bin\/$/, place);
});

test("every shown option is one of its command, every shown key one of the configuration", () => {
  const keys = new Set(configKeys().map(({ key }) => key));
  const commands = new Map(
    buildProgram(() => Promise.resolve()).commands.map((command) => [command.name(), command]),
  );
  for (const { place, words } of shown) {
    const [, name = "", ...rest] = words;
    const flags = rewriteOverrides([name, ...rest]);
    const group = commands.get(name)!;
    const command = group.commands.find((inner) => inner.name() === rest[0]) ?? group;
    const known = command.options.flatMap(({ long, short }) => [long, short]);
    flags.forEach((flag, index) => {
      if (flags[index - 1] === "--set")
        assert.ok(keys.has(flag.split("=")[0]!) || /^[a-z_]+=/.test(flag), `${place}: ${flag}`);
      else if (/^--?[a-z]/.test(flag))
        assert.ok(known.includes(flag.split("=")[0]), `${place}: ${name} has no ${flag}`);
    });
  }
});

test("every shown configuration of configs/ is there", () => {
  const missing = shown.flatMap(({ place, words }) =>
    words
      .filter((word) => /^(configs|ablations)\//.test(word) && !existsSync(join(root, word)))
      .map((word) => `${place}: ${word}`),
  );
  assert.deepEqual(missing, []);
});
