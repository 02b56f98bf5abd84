/** The Orthanc and the CT files of the pipeline's tests, which are compiled beside these. */
import type * as OrthancModule from "../../pipeline/test/orthanc.js";
import type * as CtModule from "../../pipeline/test/dicomweb/ct-files.js";

const compiled = (name: string): string =>
  new URL(`../../../pipeline/dist/test/${name}`, import.meta.url).href;

export const { freePort, Orthanc, pythonPlugin, skipOrthanc, skipOrthancPython } = (await import(
  compiled("orthanc.js")
)) as typeof OrthancModule;
export const { writeCt } = (await import(compiled("dicomweb/ct-files.js"))) as typeof CtModule;
export type Orthanc = OrthancModule.Orthanc;
export type { CtSeries } from "../../pipeline/test/dicomweb/ct-files.js";
