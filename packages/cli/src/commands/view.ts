import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { EXIT } from "../exit-codes.js";
import { addCommon, type CommonOptions, type Outcome, type Session, type Start } from "../session.js";
import { parsePort } from "./numbers.js";

interface ViewFlags extends CommonOptions {
  port: number;
  allowPlugins?: boolean;
}

export function addView(program: Command, start: Start): void {
  const command = program
    .command("view")
    .description("show scans, what models say of them and which slices counted, on a page of this machine")
    .argument("[input...]", "runs, groups and bundles, and files or folders of scans")
    .addOption(
      new Option("--port <number>", "port to listen on; 0 takes a free one")
        .argParser(parsePort)
        .default(8081),
    )
    .option("--allow-plugins", "run the plug-ins in bundles with your permissions");
  addCommon(command, {
    example: "slicestack view runs/lung scans/1.nii.gz\nslicestack view dicom/ lung.slicestack",
    codes: [EXIT.ok, EXIT.unexpected, EXIT.usage, EXIT.data, EXIT.engine],
    notes:
      "The page reads scans and computes models in the browser. It is reachable from this machine alone; Ctrl-C ends it. See docs/how-to/look-at-scans.md. Research use only; not a medical device.",
  }).action((inputs: string[], flags: ViewFlags) =>
    start(flags, (session) => runView(inputs, flags, session)),
  );
}

async function runView(inputs: string[], flags: ViewFlags, session: Session): Promise<Outcome> {
  const { prepareView } = await import("@slicestack/pipeline");
  const { hostPage } = await import("@slicestack/server");
  const { siteFolder } = await import("@slicestack/viewer");
  const { signal, onProgress } = session;
  const folder = mkdtempSync(join(tmpdir(), "slicestack-view-"));
  try {
    const view = await prepareView({
      inputs,
      site: siteFolder,
      folder,
      allowPlugins: flags.allowPlugins ?? false,
      signal,
      onProgress,
    });
    for (const note of view.notes) session.log(note);
    await using page = await hostPage({ folder, files: view.files, port: flags.port });
    const { url } = page;
    session.emit(`Open ${url} in a browser; Ctrl-C ends it.`, {
      url,
      models: view.models,
      scans: view.scans,
    });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { code: EXIT.ok, text: "", json: undefined };
}
