import type { Verification } from "@slicestack/pipeline";
import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";

export function addVerify(program: Command, start: Start): void {
  const command = program
    .command("verify")
    .description("read every byte of a data set, a run or a group, and compare it with the recorded hashes")
    .argument("<folder>", "prepared data set, run or group folder");
  addCommon(command, {
    example: "slicestack verify data/mosmed",
    codes: [EXIT.ok, EXIT.data, EXIT.stopped],
    notes:
      "The exit code is 3 where a file has changed since it was written. Files without a recorded hash are listed, but do not affect it.",
  }).action((folder: string, options: CommonOptions) =>
    start(options, (session) => runVerify(folder, session)),
  );
}

async function runVerify(folder: string, { onProgress, signal }: Session): Promise<Outcome> {
  const { verify } = await import("@slicestack/pipeline");
  const found = await verify(folder, { onProgress, signal });
  return { code: found.problems.length > 0 ? EXIT.data : EXIT.ok, text: textOf(folder, found), json: found };
}

const WORDS = { dataset: "prepared data set", run: "run", group: "group of runs" } as const;
/** Number of files that are listed; --json lists all. */
const MOST_LISTED = 20;

function textOf(folder: string, { kind, checked, problems, unchecked }: Verification): string {
  const files = (count: number) => `${count} file${count === 1 ? "" : "s"}`;
  const listed = (lines: string[]) =>
    lines.length <= MOST_LISTED
      ? lines
      : [...lines.slice(0, MOST_LISTED), `  and ${lines.length - MOST_LISTED} more`];
  return [
    `${folder}: a ${WORDS[kind]}. ${files(checked.length)} ${checked.length === 1 ? "is" : "are"} unchanged.`,
    ...(problems.length === 0 ? [] : [`${files(problems.length)} changed or damaged:`]),
    ...listed(problems.map(({ message }) => `  ${message}`)),
    ...(unchecked.length === 0 ? [] : [`${files(unchecked.length)} without a recorded hash:`]),
    ...listed(unchecked.map(({ file, reason }) => `  ${file}: ${reason}`)),
  ].join("\n");
}
