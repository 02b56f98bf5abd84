/** How the picture is shown, apart from which scan and where. */
import { signal, type Signal } from "@preact/signals";
import type { Layout, Picture, Pointer } from "./picture.js";

export interface Look {
  layout: Signal<Layout>;
  pointer: Signal<Pointer>;
  crosshair: Signal<boolean>;
  /** null until it is loaded. */
  picture: Signal<Picture | null>;
}

export const createLook = (): Look => ({
  layout: signal<Layout>("planes"),
  pointer: signal<Pointer>("crosshair"),
  crosshair: signal(true),
  picture: signal<Picture | null>(null),
});

export const LAYOUTS: readonly Layout[] = ["planes", "axial", "coronal", "sagittal", "solid"];
export const POINTERS: readonly Pointer[] = ["crosshair", "pan", "window", "measure"];
