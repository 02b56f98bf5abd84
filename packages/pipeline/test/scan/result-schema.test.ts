/** docs/reference/prediction.schema.json is the schema of the program. WRITE_REFERENCE=1 writes it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { scanResultSchema } from "../../src/scan/scan-result.js";

const page = join(import.meta.dirname, "../../../../../docs/reference/prediction.schema.json");

test("docs/reference/prediction.schema.json is up to date (WRITE_REFERENCE=1 writes it)", () => {
  const schema = { title: "Slicestack's prediction of one scan", ...z.toJSONSchema(scanResultSchema) };
  if (process.env["WRITE_REFERENCE"] === "1") writeFileSync(page, `${JSON.stringify(schema, null, 2)}\n`);
  assert.deepEqual(JSON.parse(readFileSync(page, "utf8")), JSON.parse(JSON.stringify(schema)));
});
