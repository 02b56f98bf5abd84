import type { Prediction } from "../schema.js";
import type { Service } from "../service.js";

/** Writes to the audit log that results were read; nothing if there are none yet. @throws the file system's error */
export function recordRead({ audit, pool }: Service, who: string, { id, model, results }: Prediction): void {
  if (results === null) return;
  const served = pool.models.find(({ name }) => name === model)?.sha256 ?? null;
  audit.write({
    who,
    action: "read",
    prediction: id,
    model,
    modelSha256: results[0]?.model.sha256 ?? served,
  });
}
