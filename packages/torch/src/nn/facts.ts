/** What is printed about a module. */
import { Tensor } from "../tensor.js";

/** The settings among the fields of a module, and the shapes of its tensors. */
export function factsOf(fields: Iterable<[string, unknown]>): string[] {
  const all = [...fields].filter(([name]) => name !== "training");
  const [tensors, settings] = [all.filter(isTensor), all.filter((field) => !isTensor(field))];
  return [...settings, ...tensors].flatMap(([name, value]) => factOf(name, value));
}

function factOf(name: string, value: unknown): string[] {
  if (value instanceof Tensor) return [`${name} ${value.isDisposed ? "disposed" : listText(value.shape)}`];
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string")
    return [`${name}=${value}`];
  if (Array.isArray(value) && value.every((item) => typeof item === "number"))
    return [`${name}=${listText(value)}`];
  if (isPlain(value)) return factsOf(Object.entries(value));
  return [];
}

const isTensor = ([, value]: [string, unknown]) => value instanceof Tensor;
const listText = (values: readonly number[]) => `[${values.join(", ")}]`;

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
