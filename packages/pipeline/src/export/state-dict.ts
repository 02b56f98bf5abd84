/** The tensors of the modules that decide, by the names that PyTorch's users know where there are such. */
import type { Tensor } from "@slicestack/torch";
import type { Module } from "@slicestack/torch/nn";
import type { SliceModel } from "../models/trunks/slice-model.js";
import { deciding, isNetwork, type OpenModel } from "../predict/open-model.js";

/**
 * A ResNet of torchvision whose `fc` is Sequential(Linear, ReLU, Dropout, Linear, ReLU, Dropout, Linear); all other modules
 * by their own names, which are the published code's. A head on a trunk has the prefix `head.`.
 * The tensors are second handles, which belong to the scope around.
 */
export function exportedState(model: OpenModel): Map<string, Tensor> {
  if (isNetwork(model)) return model.network.stateDict();
  const { trunk, head } = deciding(model);
  return new Map([...renamed(trunk), ...prefixed(head)]);
}

function renamed(trunk: SliceModel): [string, Tensor][] {
  const state = [...trunk.stateDict()];
  if (trunk.pretrained === null) return state;
  return state.map(([name, tensor]) => [name.replace(/^resnet\./, "").replace(/^custom_layers\./, "fc."), tensor]);
}

const prefixed = (head: Module | null): [string, Tensor][] =>
  head === null ? [] : [...head.stateDict()].map(([name, tensor]) => [`head.${name}`, tensor]);
