/** A choice among what the page offers; nothing where there is only one. */
interface Props {
  label: string;
  /** Name and value of each. */
  names: readonly (readonly [string, string])[];
  onChoice: (value: string) => void;
}

export function OfferedChoice({ label, names, onChoice }: Props) {
  if (names.length < 2) return null;
  return (
    <label class="offered">
      <span>{label}</span>
      <select onChange={({ currentTarget }) => onChoice(currentTarget.value)}>
        {names.map(([name, value]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
