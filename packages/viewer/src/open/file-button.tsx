/** A button that opens the browser's choice of files. */
interface Props {
  id: string;
  label: string;
  accept?: string;
  multiple?: boolean;
  /** Whether a folder is chosen. */
  folder?: boolean;
  onFiles: (files: File[]) => void;
}

export function FileButton({ id, label, accept, multiple, folder, onFiles }: Props) {
  return (
    <span class="file">
      <input
        id={id}
        type="file"
        accept={accept}
        multiple={multiple}
        {...(folder === true ? { webkitdirectory: true } : {})}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])].map(withPath);
          currentTarget.value = ""; // so that the same choice can be made again
          onFiles(files);
        }}
      />
      <label class="button" for={id}>
        {label}
      </label>
    </span>
  );
}

/** The worker gets files under their paths in the folder, which copies of a File would lose. */
const withPath = (file: File): File =>
  file.webkitRelativePath === "" ? file : new File([file], file.webkitRelativePath, { type: file.type });
