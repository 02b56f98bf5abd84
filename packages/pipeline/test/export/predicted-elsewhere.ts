import { execFileSync } from "node:child_process";
import type { ScanResult } from "../../src/scan/scan-result.js";

/** Predicts a scan with a bundle, plug-ins allowed, in a process of its own. */
export function predictedElsewhere(bundle: string, scan: string): ScanResult {
  const source = new URL("../../src/scan/scan-predictor.js", import.meta.url).href;
  const catalogue = new URL("../../src/models/catalogue.js", import.meta.url).href;
  const script = `
    await import(${JSON.stringify(catalogue)});
    const { Predictor } = await import(${JSON.stringify(source)});
    await using model = await Predictor.open(${JSON.stringify(bundle)}, { allowPlugins: true });
    console.log(JSON.stringify((await model.predict(${JSON.stringify(scan)}))[0]));`.replace(
    "await using",
    "const",
  );
  const closing = `${script}\n    await model[Symbol.asyncDispose]();`;
  const text = execFileSync(process.execPath, ["--input-type=module", "-e", closing], { encoding: "utf8" });
  return JSON.parse(text) as ScanResult;
}
