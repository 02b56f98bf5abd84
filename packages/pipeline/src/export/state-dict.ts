/** The tensors of the modules that contribute to the decision, under their familiar PyTorch names where these exist. */
import type { Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { deciding, isNetwork, type OpenModel } from "../predict/open-model.js";

/**
 * A ResNet has the names of torchvision, with `fc` as Sequential(Linear, ReLU, Dropout, Linear, ReLU, Dropout, Linear).
 * All other modules have the names of the published code. A head on a trunk has the prefix `head.`.
 * The tensors are additional handles that belong to the enclosing scope.
 */
export function exportedState(model: OpenModel): Map<string, Tensor> {
  if (isNetwork(model)) return model.network.stateDict();
  const { trunk, head } = deciding(model);
  return new Map([...renamed(trunk), ...prefixed(head)]);
}

function renamed(trunk: SliceModel): [string, Tensor][] {
  const state = [...trunk.stateDict()];
  if (trunk.pretrained === null) return state;
  return state.map(([name, tensor]) => [
    name.replace(/^resnet\./, "").replace(/^custom_layers\./, "fc."),
    tensor,
  ]);
}

const prefixed = (head: Module | null): [string, Tensor][] =>
  head === null ? [] : [...head.stateDict()].map(([name, tensor]) => [`head.${name}`, tensor]);
