import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";
import { LAYOUTS, POINTERS, type Look } from "./look.js";
import type { Layout, Pointer } from "./picture.js";
import { WindowChoice } from "./window-choice.js";

export function Toolbar({ reading, look }: { reading: Reading; look: Look }) {
  const { picture: text } = words.value;
  const zoom = (factor: number) => look.picture.value?.zoom(factor);
  return (
    <div class="toolbar">
      <label>
        <span>{text.layout}</span>
        <select
          value={look.layout.value}
          onChange={({ currentTarget }) => (look.layout.value = currentTarget.value as Layout)}
        >
          {LAYOUTS.map((name) => (
            <option key={name} value={name}>
              {text.layouts[name]}
            </option>
          ))}
        </select>
      </label>
      <WindowChoice reading={reading} />
      <label>
        <span>{text.pointer}</span>
        <select
          value={look.pointer.value}
          onChange={({ currentTarget }) => (look.pointer.value = currentTarget.value as Pointer)}
        >
          {POINTERS.map((name) => (
            <option key={name} value={name}>
              {text.pointers[name]}
            </option>
          ))}
        </select>
      </label>
      <div class="buttons">
        <button type="button" title={text.zoomOut} aria-label={text.zoomOut} onClick={() => zoom(0.8)}>
          −
        </button>
        <button type="button" title={text.zoomIn} aria-label={text.zoomIn} onClick={() => zoom(1.25)}>
          +
        </button>
        <button
          type="button"
          title={text.reset}
          aria-label={text.reset}
          onClick={() => look.picture.value?.resetView()}
        >
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path
              d="M4 4.5A5 5 0 1 1 3 8M4 1.5v3.2h3.2"
              stroke="currentColor"
              stroke-width="1.6"
              fill="none"
            />
          </svg>
        </button>
        <button
          type="button"
          title={text.crosshair}
          aria-label={text.crosshair}
          aria-pressed={look.crosshair.value}
          onClick={() => (look.crosshair.value = !look.crosshair.value)}
        >
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="M8 1v5M8 10v5M1 8h5M10 8h5" stroke="currentColor" stroke-width="1.6" fill="none" />
          </svg>
        </button>
      </div>
    </div>
  );
}
