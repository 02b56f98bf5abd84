/** The strip as a table: the same numbers for those who do not see it, or want to copy them. */
import type { Reading } from "../reading/reading.js";
import { sliceAt } from "../picture/slice-place.js";
import { words } from "../words/words.js";
import { contributionNumber, contributions, isProbability, leadingClass } from "./contribution.js";

export function SliceTable({ reading }: { reading: Reading }) {
  const result = reading.result.value;
  const all = contributions(result);
  if (result === null || all === null) return null;
  const { slices: text } = words.value;
  return (
    <details class="slice-table">
      <summary>{text.table}</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={text.caption}>
        <table>
          <caption>{text.caption}</caption>
          <thead>
            <tr>
              <th scope="col">{text.modelSlice}</th>
              <th scope="col">{text.scanSlice}</th>
              <th scope="col">
                {isProbability(result) ? text.probability(leadingClass(result)) : text.weight}
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map(({ slice, value }) => {
              const shown = sliceAt(reading.places.value[slice]!, reading.count.value) + 1;
              return (
                <tr key={slice} aria-current={slice === reading.modelSlice.value ? "true" : undefined}>
                  <th scope="row">{slice + 1}</th>
                  <td>
                    <button
                      type="button"
                      class="link"
                      aria-label={text.go(shown)}
                      onClick={() => reading.goToModelSlice(slice)}
                    >
                      {shown}
                    </button>
                  </td>
                  <td>{value === null ? text.unseen : contributionNumber(value)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </details>
  );
}
