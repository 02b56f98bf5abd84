/** docs/reference/metrics.schema.json is the schema of the program. WRITE_REFERENCE=1 writes it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import "../../src/models/catalogue.js";
import { metricsSchema } from "../../src/evaluate/metrics-file.js";

const page = join(import.meta.dirname, "../../../../../docs/reference/metrics.schema.json");

test("docs/reference/metrics.schema.json is up to date (WRITE_REFERENCE=1 writes it)", () => {
  const schema = { title: "metrics.json of a Slicestack run", ...z.toJSONSchema(metricsSchema) };
  if (process.env["WRITE_REFERENCE"] === "1") writeFileSync(page, `${JSON.stringify(schema, null, 2)}\n`);
  assert.deepEqual(JSON.parse(readFileSync(page, "utf8")), JSON.parse(JSON.stringify(schema)));
});

test("docs/reference/metrics.md names every field at the top of the file", () => {
  const text = readFileSync(join(page, "../metrics.md"), "utf8");
  for (const name of Object.keys(metricsSchema.shape)) assert.match(text, new RegExp(`\`${name}\``), name);
});
