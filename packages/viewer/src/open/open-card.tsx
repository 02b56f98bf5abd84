/** Where scans are chosen, and which of those that were found is shown. */
import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";
import { FileButton } from "./file-button.js";
import { offered, openOfferedScan } from "./offered.js";
import { OfferedChoice } from "./offered-choice.js";
import { SetAside } from "./set-aside.js";

export function OpenCard({ reading }: { reading: Reading }) {
  const { open: text } = words.value;
  const onFiles = (files: File[]) => void reading.openFiles(files);
  return (
    <section class="card" aria-labelledby="open-title">
      <h2 id="open-title">{text.title}</h2>
      <FoundScans reading={reading} />
      <OfferedChoice
        label={text.offered}
        names={offered.value.scans.map(({ name }, index) => [name, String(index)])}
        value={reading.offeredScan.value}
        onChoice={(index) => void openOfferedScan(reading, index)}
      />
      <div class="choices">
        <FileButton id="files" label={text.files} multiple onFiles={onFiles} />
        <FileButton id="folder" label={text.folder} folder onFiles={onFiles} />
      </div>
      <p class="hint">{text.hint}</p>
      {reading.notTaken.value !== null && (
        <p class="warning" role="alert">
          {text.notTaken(reading.notTaken.value)}
        </p>
      )}
      {reading.foundNothing.value && (
        <p class="warning" role="alert">
          {text.nothing}
        </p>
      )}
      <SetAside files={reading.setAside.value} isOpen={reading.foundNothing.value} />
    </section>
  );
}

function FoundScans({ reading }: { reading: Reading }) {
  const { open: text } = words.value;
  const scans = reading.scans.value;
  if (scans.length === 0) return null;
  return (
    <fieldset class="scans">
      <legend>{text.found(scans.length)}</legend>
      {scans.map(({ source, description, slices }, index) => (
        <label key={`${index} ${source}`}>
          <input
            type="radio"
            name="scan"
            checked={index === reading.index.value}
            onChange={() => reading.openScan(index)}
          />
          <span>
            {description === "" ? source : description}
            {slices !== null && <small> · {text.slices(slices)}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
