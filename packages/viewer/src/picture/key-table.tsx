import { words } from "../words/words.js";

export function KeyTable() {
  const { picture: text } = words.value;
  return (
    <details>
      <summary>{text.keys}</summary>
      <dl class="keys">
        {text.keyTable.map(([keys, meaning]) => (
          <div key={keys}>
            <dt>
              {keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
