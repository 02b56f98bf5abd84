/** The worker thread that looks at a training before it begins: the engine computes in workers alone. */
import { serveJob } from "../background.js";
import { checkStart, type StartCheck } from "./check-start.js";

serveJob<StartCheck, null>((check) => {
  checkStart(check);
  return null;
});
