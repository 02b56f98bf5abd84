/** A slice model and a head that are trained together, in the third stage of 2.5D. */
import { Module } from "@slicestack/torch/nn";
import type { Head } from "./heads/head.js";
import type { SliceModel } from "./trunks/slice-model.js";

export class Joint extends Module {
  readonly trunk: SliceModel;
  readonly head: Head;

  /** The head replaces the last layer of the trunk, which keeps its weights from the slice stage. */
  get unused(): string[] {
    const { classifier } = this.trunk;
    return [...this.trunk.namedModules()]
      .filter(([, module]) => module === classifier)
      .map(([name]) => `trunk.${name}`);
  }

  /** Takes ownership of both. */
  constructor({ trunk, head }: { trunk: SliceModel; head: Head }) {
    super();
    this.trunk = trunk;
    this.head = head;
  }
}
