import { readFile } from "node:fs/promises";
import { VolumeFileError, VolumeFormatError } from "../src/index.js";
import type { DetectedVolume } from "../src/index.js";
import { root, temporaryFolder } from "./fixtures.js";
import { formatCases, readCase } from "./format-cases/all.js";
import type { FormatCase } from "./format-cases/case.js";

/** `UPDATE_DOCS=1` writes the page instead of comparing it. */
export const updatesPages = process.env["UPDATE_DOCS"] === "1";

const START = "<!-- made from packages/volume/test/format-cases: begin -->";
const END = "<!-- made from packages/volume/test/format-cases: end -->";

/** The current page, and the page generated from the cases between the two marks. */
export async function formatsPage(): Promise<{ path: string; before: string; after: string }> {
  const path = `${root}docs/reference/formats.md`;
  const before = await readFile(path, "utf8");
  const [head, rest] = before.split(START);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined)
    throw new Error(`${path}: expected the marks ${START} and ${END}`);
  return { path, before, after: `${head}${START}\n\n${await tables()}\n${END}${tail}` };
}

async function tables(): Promise<string> {
  const sections: string[] = [];
  for (const format of new Set(formatCases.map((formatCase) => formatCase.format))) {
    const cases = formatCases.filter((formatCase) => formatCase.format === format);
    const lines: string[] = [];
    for (const formatCase of cases) lines.push(`| ${formatCase.what} | ${await outcomeOf(formatCase)} |`);
    sections.push(`### ${format}\n\n| file | what happens |\n|---|---|\n${lines.join("\n")}\n`);
  }
  return sections.join("\n");
}

async function outcomeOf(formatCase: FormatCase): Promise<string> {
  await using folder = await temporaryFolder();
  const path = await formatCase.make(folder.path);
  try {
    const { volume } = (await readCase(formatCase, path)) as DetectedVolume;
    return `read: ${volume.data.constructor.name.replace("Array", "").toLowerCase()}, ${volume.shape.join(" x ")}`;
  } catch (error) {
    if (!(error instanceof VolumeFormatError || error instanceof VolumeFileError)) throw error;
    const message = error instanceof VolumeFormatError ? `${error.problem}. ${error.remedy}` : error.message;
    const short = message.replaceAll(`${folder.path}/`, "");
    return `**refused**: ${short.replaceAll("|", "\\|")}`;
  }
}
