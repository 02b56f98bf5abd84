/** A choice among what the page offers; nothing where there is only one. */
interface Props {
  label: string;
  /** Name and value of each. */
  names: readonly (readonly [string, string])[];
  /** Which one is open; null if it is none of these. */
  value: string | null;
  onChoice: (value: string) => void;
}

export function OfferedChoice({ label, names, value, onChoice }: Props) {
  if (names.length < 2) return null;
  return (
    <label class="offered">
      <span>{label}</span>
      <select value={value ?? ""} onChange={({ currentTarget }) => onChoice(currentTarget.value)}>
        {value === null && <option value="">—</option>}
        {names.map(([name, one]) => (
          <option key={one} value={one}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
