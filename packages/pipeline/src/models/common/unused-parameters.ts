/** Parameters that a model has for its published weights or for another stage, and that do not influence its loss. */
import type { Module, Parameter } from "@slicestack/torch/nn";

/** A model that names the layers that no forward pass in training uses, relative to the model. */
interface DeclaresUnused {
  readonly unused: readonly string[];
}

/** The unused parameters that a model and the models inside it declare. */
export function unusedParameters(model: Module): Set<Parameter> {
  const used = new Set<Parameter>();
  for (const module of model.namedModules().values()) {
    if (!declaresUnused(module)) continue;
    for (const [name, parameter] of module.namedParameters())
      if (module.unused.some((layer) => name === layer || name.startsWith(`${layer}.`))) used.add(parameter);
  }
  return used;
}

function declaresUnused(module: Module): module is Module & DeclaresUnused {
  return "unused" in module && Array.isArray(module.unused);
}
