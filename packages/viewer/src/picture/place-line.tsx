/** Where the crosshair is, in words: shown under the picture and read out by screen readers. */
import { contributionText } from "../result/contribution.js";
import type { Reading } from "../reading/reading.js";
import { decimal, words } from "../words/words.js";

/** "Slice 41 of 120, contribution 0.31". */
export function placeText(reading: Reading): string {
  const { sliceText } = words.value.picture;
  const slice = sliceText(reading.slice.value + 1, reading.count.value);
  const contribution = contributionText(reading);
  return contribution === null ? slice : `${slice}, ${contribution}`;
}

export function PlaceLine({ reading }: { reading: Reading }) {
  const scan = reading.drawn.value;
  if (scan === null) return null;
  const { picture: text } = words.value;
  const unit = scan.unit === "HU" ? "HU" : "";
  const value = reading.value.value;
  return (
    <p class="place">
      <span>{placeText(reading)}</span>
      {Number.isFinite(value) && <span>{text.value(decimal(value, unit === "HU" ? 0 : 3), unit)}</span>}
      <span>{text.facts(scan.shape.join(" × "), scan.spacing.map((mm) => decimal(mm, 2)).join(" × "))}</span>
    </p>
  );
}
