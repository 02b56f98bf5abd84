/** The thread of a prediction, started before the code that finds scans is loaded. */
import { EngineSession } from "../engine/session.js";

/** The jobs of a session that predicts scans. */
export const SCAN_JOB = new URL("./scan-job.js", import.meta.url);

/** A session that loads the code of models and libtorch while its caller continues. */
export function startScanSession(): EngineSession {
  const session = new EngineSession();
  session.preload(SCAN_JOB);
  return session;
}
