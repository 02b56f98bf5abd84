/** The programs that judge DICOM objects: dciodvfy (dicom3tools), dsrdump and dcmdump (dcmtk), pydicom. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../../../..");
const PYTHON = "/usr/bin/python3";

export type StudyKind = "plain" | "bare" | "hostile" | "kanji" | "oblique" | "patients";

const has = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args).error === undefined;

/** False, or which of the programs is missing; scripts/setup.sh installs them. */
export const skip: string | false =
  spawnSync(PYTHON, ["-c", "import pydicom, numpy"]).status !== 0
    ? "python3-pydicom is not installed"
    : !has("dciodvfy", [])
      ? "dicom3tools is not installed"
      : !has("dsrdump", ["--version"])
        ? "dcmtk is not installed"
        : false;

/** A temporary folder that is removed when the process ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "slicestack-dicom-out-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a CT study with pydicom (fixtures/dicom/make_study.py). */
export function makeStudy(folder: string, kind: StudyKind, slices = 12): string {
  const made = spawnSync(PYTHON, [join(root, "fixtures/dicom/make_study.py"), folder, kind, String(slices)], {
    encoding: "utf8",
  });
  assert.equal(made.status, 0, made.stderr);
  return folder;
}

/** What dciodvfy calls an error in a file. */
export function errorsIn(file: string): string[] {
  const { stderr, error } = spawnSync("dciodvfy", [file], { encoding: "utf8" });
  assert.equal(error, undefined);
  assert.match(stderr, /SR|SCImage/, "it recognised the kind of object");
  return stderr.split("\n").filter((line) => /^(Error|Abort)/.test(line));
}

/** The content of a report as dsrdump prints it, whole texts in UTF-8, without reordering. */
export function dsrdump(file: string): string {
  const { stdout, stderr, status } = spawnSync("dsrdump", ["+Pl", "+U8", file], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

/** What pydicom reads of a file, by keyword; sequences as lists, without pixels. */
export function pydicom(file: string): Record<string, unknown> {
  const script = `
import json, sys, pydicom
def plain(ds):
    return {e.keyword: [plain(i) for i in e.value] if e.VR == "SQ" else [str(v) for v in e.value] if e.VM > 1 else str(e.value if e.value is not None else "") for e in ds if e.keyword != "PixelData"}
print(json.dumps(plain(pydicom.dcmread(sys.argv[1]))))`;
  const { stdout, stderr, status } = spawnSync(PYTHON, ["-W", "ignore", "-c", script, file], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** The colours of an image as pydicom decodes them: rows x columns x 3. */
export function pixelsOf(file: string): Uint8Array {
  const script = `
import sys, pydicom
sys.stdout.buffer.write(pydicom.dcmread(sys.argv[1]).pixel_array.tobytes())`;
  const { stdout, stderr, status } = spawnSync(PYTHON, ["-W", "ignore", "-c", script, file]);
  assert.equal(status, 0, stderr.toString());
  return stdout;
}

/** The files of a scan's folder, in order. */
export const objectsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".dcm"))
    .sort()
    .map((name) => join(folder, name));
