import { words } from "../words/words.js";

/** The files that are not scans, each with its reason. */
export function SetAside({
  files,
  isOpen,
}: {
  files: readonly { name: string; reason: string }[];
  isOpen: boolean;
}) {
  if (files.length === 0) return null;
  return (
    <details class="set-aside" open={isOpen}>
      <summary>{words.value.open.setAside(files.length)}</summary>
      <ul>
        {files.map(({ name, reason }) => (
          <li key={name}>
            {name}: {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}
