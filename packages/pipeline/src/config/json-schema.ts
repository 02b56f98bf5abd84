/** The configuration file as JSON Schema (draft 7), for editors: completion, and mistakes underlined while typing. */
import { z } from "zod";
import { AUGMENT_PRESETS } from "./augment-presets.js";
import { choiceKinds } from "./choice.js";
import { settingsOfKind, type ComponentKind } from "./components.js";
import { METHODS, methodsWith } from "./methods.js";
import { insideSections, keyNotes } from "./notes.js";
import { publishedSchema } from "./published.js";
import { runSchemas } from "./schema.js";

type Json = Record<string, unknown>;

/**
 * Of structured files: the keys of all methods, and for each method the sections that it refuses. Conditions on several keys
 * together (window and windows) are checked by the program only.
 */
export function configJsonSchema(): Json {
  const schemas = METHODS.map((method) => jsonSchemaOf(runSchemas()[method], "Slicestack configuration"));
  const properties = Object.assign({}, ...schemas.map((schema) => schema["properties"])) as Record<
    string,
    Json
  >;
  const { const: _, default: __, ...method } = properties["method"]!;
  const { $schema, title, type, additionalProperties } = schemas[0]!;
  return {
    $schema,
    title,
    type,
    properties: { ...properties, method: { ...method, type: "string", enum: METHODS, default: "2.5d" } },
    additionalProperties,
    allOf: METHODS.map((name) => {
      const refused = Object.keys(properties).filter((key) => !methodsWith(key).includes(name));
      const isMethod = {
        properties: { method: { const: name } },
        ...(name === "2.5d" ? {} : { required: ["method"] }),
      };
      return { if: isMethod, then: { properties: Object.fromEntries(refused.map((key) => [key, false])) } };
    }),
  };
}

/** Of the published flat files. */
export function publishedJsonSchema(): Json {
  return jsonSchemaOf(publishedSchema, 'Configuration of the published "2.5 CNN" system');
}

/** A file of ours with the words of its keys. */
export function jsonSchemaOf(schema: z.ZodType, title: string): Json {
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
      // The defaults of a section are those of its keys; nobody writes the largest safe integer.
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

/** The name of a component, or its name with options below it. Editors know only the built-in ones. */
function componentJson(kind: ComponentKind): Json {
  const components = settingsOfKind(kind);
  const names = components.map(({ name }) => name);
  const sections = components.map(({ name, options }): [string, Json] => {
    const { $schema: _, ...section } = converted(options);
    return [name, { ...section, type: ["object", "null"] }];
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

/** A key that accepts the name of a preset, true or false, or a section. */
function orInside(inside: z.ZodType): Json {
  const { $schema: _, ...section } = converted(inside);
  return { anyOf: [{ type: "string", enum: AUGMENT_PRESETS }, { type: "boolean" }, section] };
}
