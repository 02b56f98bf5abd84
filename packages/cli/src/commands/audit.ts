import type { Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parseFoldNumber } from "./numbers.js";

interface AuditFlags extends CommonOptions {
  html?: string;
  fold?: number;
  columns?: string[];
  images: boolean;
  overwrite?: boolean;
}

export function addAudit(program: Command, start: Start): void {
  const command = program
    .command("audit")
    .description(
      "look for what makes scores too good: overlap, duplicates, labels that the acquisition reveals, outliers",
    )
    .argument("<data>", "folder of the prepared data set, with its split if it has one")
    .option("--html <file>", "also write the findings as a page")
    .option("--overwrite", "replace the page if it exists")
    .option("--no-images", "leave pictures out of the page")
    .option("--fold <number>", "which fold of split.json, counted from 0 (default: 0)", parseFoldNumber)
    .option(
      "--columns <names>",
      "further columns of subjects.csv that describe how a scan was acquired, e.g. ward,reader",
      (text) => text.split(","),
    );
  addCommon(command, {
    example: "slicestack audit data/mosmed --html audit.html",
    codes: [EXIT.ok, EXIT.usage, EXIT.data, EXIT.stopped],
    notes:
      "The exit code is 3 where an error was found, such as one volume in two parts, and 0 for warnings and notes.",
  }).action((data: string, options: AuditFlags) =>
    start(options, (session) => runAudit(data, options, session)),
  );
}

async function runAudit(data: string, flags: AuditFlags, session: Session): Promise<Outcome> {
  const { audit, openDataset } = await import("@slicestack/pipeline");
  const { auditPage, auditText, refuseExistingFile, writeFileAtomic } =
    await import("@slicestack/pipeline/internal");
  const { html, fold, columns, images, overwrite = false } = flags;
  if (html !== undefined) refuseExistingFile(html, overwrite);
  const { onProgress, signal } = session;
  const result = await audit({
    data,
    ...(fold === undefined ? {} : { fold }),
    ...(columns === undefined ? {} : { columns }),
    onProgress,
    signal,
  });
  if (html !== undefined) writeFileAtomic(html, auditPage(result, images ? openDataset(data) : null));
  const text = html === undefined ? auditText(result) : `${auditText(result)}\n\nPage: ${html}`;
  const failed = result.findings.some(({ severity }) => severity === "error");
  return { code: failed ? EXIT.data : EXIT.ok, text, json: result };
}
