/** What the keys do while the picture has the focus. */
import { contributions } from "../result/contribution.js";
import type { Reading } from "../reading/reading.js";
import { LAYOUTS, type Look } from "./look.js";
import { windowNames } from "./windows.js";

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** @returns null for a key that the picture does not use */
export function keyAction(pressed: Pressed, reading: Reading, look: Look): (() => void) | null {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return null;
  const { slice, count } = reading;
  const by = (step: number) => () => reading.goTo(slice.value + step);
  const zoom = (factor: number) => () => look.picture.value?.zoom(factor);
  const key = pressed.key.length === 1 ? pressed.key.toLowerCase() : pressed.key;
  const layout = LAYOUTS[Number(key) - 1];
  if (layout !== undefined) return () => (look.layout.value = layout);
  switch (key) {
    case "ArrowUp":
      return by(1);
    case "ArrowDown":
      return by(-1);
    case "PageUp":
      return by(10);
    case "PageDown":
      return by(-10);
    case "Home":
      return () => reading.goTo(0);
    case "End":
      return () => reading.goTo(count.value - 1);
    case "ArrowLeft":
      return () => aside(reading, 1);
    case "ArrowRight":
      return () => aside(reading, -1);
    case "+":
    case "=":
      return zoom(1.25);
    case "-":
      return zoom(0.8);
    case "0":
      return () => look.picture.value?.resetView();
    case "w":
      return () => nextWindow(reading);
    case "x":
      return () => (look.crosshair.value = !look.crosshair.value);
    case "n":
      return () => nextByContribution(reading, 1);
    case "p":
      return () => nextByContribution(reading, -1);
    default:
      return null;
  }
}

/** Moves the crosshair by a voxel. The picture shows the patient's right on the left, so that left is towards 1. */
function aside(reading: Reading, step: number): void {
  const [x, y, z] = reading.place.value;
  const [count] = reading.axes.value ?? [100];
  reading.place.value = [Math.min(1, Math.max(0, x + step / count)), y, z];
}

function nextWindow(reading: Reading): void {
  const names = windowNames(reading.drawn.value?.unit ?? "HU").filter((name) => name !== "own");
  const at = names.findIndex((name) => name === reading.windowName.value);
  reading.useWindow(names[(at + 1) % names.length]!);
}

/** From the slice that counted most to the next, or back. */
export function nextByContribution(reading: Reading, step: 1 | -1): void {
  const ranked = contributions(reading.result.value);
  if (ranked === null) return;
  const order = ranked
    .filter(({ value }) => value !== null)
    .sort((one, other) => other.value! - one.value!)
    .map(({ slice }) => slice);
  const at = order.indexOf(reading.modelSlice.value ?? -1);
  const next = order[at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + step))];
  if (next !== undefined) reading.goToModelSlice(next);
}
