/** The canvas, what keeps it equal to the reading, and its keys. */
import { effect, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Reading } from "../reading/reading.js";
import type { DrawnScan } from "../worker/messages.js";
import { words } from "../words/words.js";
import { keyAction } from "./keys.js";
import type { Look } from "./look.js";
import type { Picture } from "./picture.js";
import { PlaceLine, placeText } from "./place-line.js";

export function PictureView({ reading, look }: { reading: Reading; look: Look }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const failure = useSignal<string | null>(null);
  const spoken = useSignal("");

  useEffect(() => {
    const ending = new AbortController();
    const onFailure = (error: unknown) => {
      if (!ending.signal.aborted) failure.value = error === null ? null : (error as Error).message;
    };
    attach(canvas.current!, { reading, look, onFailure, signal: ending.signal }).catch(onFailure);
    return () => ending.abort();
  }, [reading, look]);

  const onKeyDown = (event: KeyboardEvent) => {
    const action = keyAction(event, reading, look);
    if (action === null) return;
    event.preventDefault();
    event.stopPropagation(); // NiiVue has keys, too
    action();
    spoken.value = placeText(reading);
  };

  const { picture: text } = words.value;
  return (
    <div class="picture">
      <div
        class="stage"
        role="application"
        tabIndex={0}
        aria-label={text.label(placeText(reading))}
        onKeyDownCapture={onKeyDown}
        onKeyUpCapture={(event) => event.stopPropagation()}
      >
        <canvas ref={canvas} tabIndex={-1} aria-hidden="true" />
      </div>
      {failure.value !== null && (
        <p class="warning" role="alert">
          {text.unsupported} ({failure.value})
        </p>
      )}
      <PlaceLine reading={reading} />
      <p class="hidden" aria-live="polite">
        {spoken.value}
      </p>
    </div>
  );
}

/** Draws until the signal ends it. NiiVue is large, so that it is loaded with the first scan. */
async function attach(
  canvas: HTMLCanvasElement,
  followed: Followed & { signal: AbortSignal },
): Promise<void> {
  const { reading, look, signal } = followed;
  const { Picture } = await import("./picture.js");
  if (signal.aborted) return;
  const picture = await Picture.attach(canvas, {
    onPlace: (place) => (reading.place.value = place),
    onValue: (value) => (reading.value.value = value),
    onWindow: (window) => reading.setWindow(window),
  });
  if (signal.aborted) return picture[Symbol.dispose]();
  look.picture.value = picture;
  const ends = follow(picture, followed);
  signal.addEventListener("abort", () => {
    for (const end of ends) end();
    look.picture.value = null;
    picture[Symbol.dispose]();
  });
}

interface Followed {
  reading: Reading;
  look: Look;
  /** Told of a scan that cannot be drawn; null when the next one can be tried. */
  onFailure: (error: unknown) => void;
}

function follow(picture: Picture, { reading, look, onFailure }: Followed): (() => void)[] {
  return [
    effect(() => picture.setLayout(look.layout.value)),
    effect(() => picture.setPointer(look.pointer.value)),
    effect(() => picture.setCrosshair(look.crosshair.value)),
    effect(() => {
      const scan = reading.drawn.value;
      onFailure(null);
      if (scan !== null) show(picture, reading, scan).catch(onFailure);
    }),
    effect(() => picture.goTo(reading.place.value)),
    effect(() => picture.setWindow(reading.window.value)),
  ];
}

async function show(picture: Picture, reading: Reading, { nifti, isScan }: DrawnScan): Promise<void> {
  await picture.show(nifti, reading.window.peek(), isScan);
  if (reading.drawn.peek()?.nifti !== nifti) return; // another scan was opened
  reading.axes.value = picture.slices;
  picture.setWindow(reading.window.peek());
  picture.goTo(reading.place.peek());
  performance.mark("slicestack.drawn");
}
