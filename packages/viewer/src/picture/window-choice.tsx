/** Usual windows, and one's own by its middle and width. */
import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";
import { windowNames, type ValueWindow, type WindowName } from "./windows.js";

export function WindowChoice({ reading }: { reading: Reading }) {
  const { picture: text } = words.value;
  const window = reading.window.value;
  const change = (part: Partial<ValueWindow>) => {
    const next = { ...window, ...part };
    if (Number.isFinite(next.level) && next.width > 0) reading.setWindow(next);
  };
  return (
    <>
      <label>
        <span>{text.window}</span>
        <select
          value={reading.windowName.value}
          onChange={({ currentTarget }) => reading.useWindow(currentTarget.value as WindowName)}
        >
          {windowNames(reading.drawn.value?.unit ?? "HU").map((name) => (
            <option key={name} value={name}>
              {text.windows[name]}
            </option>
          ))}
        </select>
      </label>
      {reading.windowName.value === "own" && (
        <>
          <WindowNumber label={text.level} value={window.level} onValue={(level) => change({ level })} />
          <WindowNumber label={text.width} value={window.width} onValue={(width) => change({ width })} />
        </>
      )}
    </>
  );
}

interface NumberProps {
  label: string;
  value: number;
  onValue: (value: number) => void;
}

function WindowNumber({ label, value, onValue }: NumberProps) {
  return (
    <label>
      <span>{label}</span>
      <input
        type="number"
        step="any"
        value={Number(value.toPrecision(5))}
        onChange={({ currentTarget }) => onValue(currentTarget.valueAsNumber)}
      />
    </label>
  );
}
