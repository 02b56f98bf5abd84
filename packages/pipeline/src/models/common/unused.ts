/** Parameters that a model holds for its published weights, or for another stage, and that its loss does not depend on. */
import type { Module, Parameter } from "@slicestack/torch/nn";

/** A model that says which of its layers no forward pass in training reads: by name, relative to the model. */
interface DeclaresUnused {
  readonly unused: readonly string[];
}

/** The declared ones of a model and of all models within it. */
export function unusedParameters(model: Module): Set<Parameter> {
  const found = new Set<Parameter>();
  for (const module of model.namedModules().values()) {
    if (!declaresUnused(module)) continue;
    for (const [name, parameter] of module.namedParameters())
      if (module.unused.some((layer) => name === layer || name.startsWith(`${layer}.`))) found.add(parameter);
  }
  return found;
}

function declaresUnused(module: Module): module is Module & DeclaresUnused {
  return "unused" in module && Array.isArray(module.unused);
}
