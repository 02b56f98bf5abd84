/** The slices of the model as bars, from the feet on the left. Its slider and its table tell the same without the colours. */
import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";
import { placeText } from "../picture/place-line.js";
import { contributionNumber, contributions, type Contribution } from "./contribution.js";
import { sliceAt } from "../picture/slice-place.js";

export function SliceStrip({ reading }: { reading: Reading }) {
  const { picture: text, slices } = words.value;
  const all = contributions(reading.result.value);
  return (
    <div class="strip">
      {all !== null && <Bars all={all} reading={reading} />}
      <label>
        <span class="hidden">{text.slice}</span>
        <input
          type="range"
          min={0}
          max={reading.count.value - 1}
          value={reading.slice.value}
          aria-valuetext={placeText(reading)}
          onInput={({ currentTarget }) => reading.goTo(currentTarget.valueAsNumber)}
        />
      </label>
      {all !== null && <Most all={all} reading={reading} />}
      {reading.result.value !== null && all === null && <p class="hint">{slices.none}</p>}
    </div>
  );
}

function Bars({ all, reading }: { all: readonly Contribution[]; reading: Reading }) {
  const most = Math.max(...all.map(({ value }) => value ?? 0), Number.MIN_VALUE);
  const places = reading.places.value;
  const step = places.length > 1 ? places[1]! - places[0]! : 1;
  return (
    <svg
      viewBox="0 0 1 1"
      preserveAspectRatio="none"
      aria-hidden="true"
      onClick={({ currentTarget, offsetX }) =>
        reading.goTo(sliceAt(offsetX / currentTarget.clientWidth, reading.count.value))
      }
    >
      {all.map(({ slice, value }) => {
        const share = (value ?? 0) / most;
        const height = Math.max(0.04, share);
        return (
          <rect
            key={slice}
            class={slice === reading.modelSlice.value ? "shown" : value === null ? "unseen" : ""}
            x={places[slice]! - 0.45 * step}
            y={1 - height}
            width={0.9 * step}
            height={height}
            style={{ fillOpacity: 0.35 + 0.65 * share }}
          />
        );
      })}
    </svg>
  );
}

/** The three slices that counted most. */
function Most({ all, reading }: { all: readonly Contribution[]; reading: Reading }) {
  const { slices: text } = words.value;
  const most = all
    .filter(({ value }) => value !== null)
    .sort((one, other) => other.value! - one.value!)
    .slice(0, 3);
  return (
    <p class="most">
      <span>{text.most}</span>
      {most.map(({ slice, value }) => {
        const shown = sliceAt(reading.places.value[slice]!, reading.count.value) + 1;
        return (
          <button
            type="button"
            key={slice}
            class="small"
            title={text.go(shown)}
            onClick={() => reading.goToModelSlice(slice)}
          >
            <span class="hidden">{words.value.picture.slice} </span>
            {shown} · {contributionNumber(value!)}
          </button>
        );
      })}
    </p>
  );
}
