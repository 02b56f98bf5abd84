import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";

/** What the page is doing, also read out by screen readers. */
export function Status({ reading }: { reading: Reading }) {
  const { stage: text, broken } = words.value;
  const stage = reading.stage.value;
  const failure = reading.broken.value;
  const done = reading.result.value === null && reading.drawn.value === null ? "" : text.done;
  return (
    <p class={`status${stage !== null && failure === null ? " busy" : ""}`} role="status">
      {failure !== null ? broken(failure) : stage === null ? done : text[stage]}
    </p>
  );
}
