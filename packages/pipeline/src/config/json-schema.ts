/** The configuration file as JSON Schema (draft 7), for editors: completion, and mistakes underlined while typing. */
import { z } from "zod";
import { augmentPresets } from "./augment.js";
import { choiceKinds } from "./choice.js";
import { settingsOfKind, type ComponentKind } from "./components.js";
import { insideSections, keyNotes } from "./notes.js";
import { publishedSchema } from "./published.js";
import { runConfigSchema } from "./schema.js";

type Json = Record<string, unknown>;

/** Of structured files. What several keys say together (a window and windows) only the program checks. */
export function configJsonSchema(): Json {
  return jsonSchemaOf(runConfigSchema(), "Slicestack configuration");
}

/** Of the published flat files. */
export function publishedJsonSchema(): Json {
  return jsonSchemaOf(publishedSchema, 'Configuration of the published "2.5 CNN" system');
}

function jsonSchemaOf(schema: z.ZodType, title: string): Json {
  const { $schema, ...rest } = converted(schema);
  return { $schema, title, ...rest };
}

function converted(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, {
    target: "draft-7",
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const json = jsonSchema as Json;
      // A section's default is its own keys'; no one writes the largest safe integer.
      if (json["type"] === "object") delete json["default"];
      if (json["maximum"] === Number.MAX_SAFE_INTEGER) delete json["maximum"];
      const leaf = zodSchema as unknown as z.ZodType;
      const note = keyNotes.get(leaf);
      if (note !== undefined) json["description"] = `${note.meaning}. Expected: ${note.expects}.`;
      const inside = insideSections.get(leaf);
      if (inside !== undefined) Object.assign(json, orInside(inside));
      const kind = choiceKinds.get(leaf);
      if (kind !== undefined) Object.assign(json, componentJson(kind));
    },
  });
}

/** The name of a component, or its name with options below it. Editors know the built-in ones alone. */
function componentJson(kind: ComponentKind): Json {
  const components = settingsOfKind(kind);
  const names = components.map(({ name }) => name);
  const having = components.filter(({ options }) => Object.keys(options.shape).length > 0);
  const sections = having.map(({ name, options }): [string, Json] => {
    const { $schema: _, ...section } = converted(options);
    return [name, section];
  });
  const withOptions = {
    type: "object",
    minProperties: 1,
    maxProperties: 1,
    propertyNames: { enum: names },
    properties: Object.fromEntries(sections),
  };
  return { anyOf: [{ enum: names }, withOptions] };
}

/** The one key that takes a preset's name, true or false, or a section. */
function orInside(inside: z.ZodType): Json {
  const { $schema: _, ...section } = converted(inside);
  return { anyOf: [{ type: "string", enum: Object.keys(augmentPresets) }, { type: "boolean" }, section] };
}
