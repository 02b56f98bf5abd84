/** A slice model and a head that are trained together: the third step of 2.5D. */
import { Module } from "@slicestack/torch/nn";
import type { Head } from "./heads/head.js";
import type { SliceModel } from "./trunks/slice-model.js";

export class Joint extends Module {
  readonly trunk: SliceModel;
  readonly head: Head;

  /** The head takes the place of the trunk's last layer, which stays as the slice stage left it. */
  get unused(): string[] {
    const { classifier } = this.trunk;
    return [...this.trunk.namedModules()]
      .filter(([, module]) => module === classifier)
      .map(([name]) => `trunk.${name}`);
  }

  /** Both are owned by it from now on. */
  constructor({ trunk, head }: { trunk: SliceModel; head: Head }) {
    super();
    this.trunk = trunk;
    this.head = head;
  }
}
