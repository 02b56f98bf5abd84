import type { Reading } from "../reading/reading.js";
import { words } from "../words/words.js";
import { FileButton } from "./file-button.js";
import { offered, openOfferedModel } from "./offered.js";
import { OfferedChoice } from "./offered-choice.js";

export function ModelCard({ reading }: { reading: Reading }) {
  const { model: text } = words.value;
  const model = reading.model.value;
  return (
    <section class="card" aria-labelledby="model-title">
      <h2 id="model-title">{text.title}</h2>
      {model.kind === "none" && <p class="hint">{text.none}</p>}
      {model.kind === "opening" && <p class="hint">{text.loading}</p>}
      {model.kind === "refused" && (
        <p class="warning" role="alert">
          {model.name}: {model.message}
        </p>
      )}
      {model.kind === "open" && <Facts reading={reading} />}
      <OfferedChoice
        label={text.offered}
        names={offered.value.models.map(({ name, file }) => [name, file])}
        value={reading.offeredModel.value}
        onChoice={(file) => void openOfferedModel(reading, file)}
      />
      <FileButton
        id="model"
        label={model.kind === "open" ? text.other : text.choose}
        accept=".onnx"
        onFiles={([file]) => file !== undefined && void reading.openModel(file.name, file)}
      />
      {model.kind !== "open" && <p class="hint">{text.hint}</p>}
    </section>
  );
}

function Facts({ reading }: { reading: Reading }) {
  const { model: text } = words.value;
  const model = reading.model.value;
  if (model.kind !== "open") return null;
  const { facts, isCalibrated } = model;
  return (
    <>
      <p class="model-name">{facts.name === "" ? model.name : facts.name}</p>
      <details>
        <summary>{words.value.result.details}</summary>
        <dl>
          <dt>{text.method}</dt>
          <dd>{facts.method.toUpperCase()}</dd>
          <dt>{text.classes}</dt>
          <dd>{facts.classes.join(", ")}</dd>
          <dt>{text.trainedOn}</dt>
          <dd>{facts.input.unit === "HU" ? text.inHU : text.inOther}</dd>
          <dt>{text.probabilities}</dt>
          <dd>{isCalibrated ? text.calibrated : text.uncalibrated}</dd>
          <dt>{text.licence}</dt>
          <dd>{facts.licence}</dd>
          <dt>{text.hash}</dt>
          <dd>
            <code>{facts.sha256}</code>
          </dd>
        </dl>
      </details>
    </>
  );
}
