import { percent, words } from "../words/words.js";
import type { ShownResult } from "../worker/messages.js";

export function Probabilities({ result, decided }: { result: ShownResult; decided: string }) {
  const { result: text } = words.value;
  return (
    <table class="probabilities">
      <caption>{result.calibrated ? text.calibrated : text.uncalibrated}</caption>
      <tbody>
        {Object.entries(result.probabilities).map(([name, share]) => (
          <tr key={name} class={name === decided ? "decided" : ""}>
            <th scope="row">{name}</th>
            <td>
              <meter min={0} max={1} value={share} aria-label={text.ofClass(name)} />
            </td>
            <td>{percent(share)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
