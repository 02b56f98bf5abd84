/** Files may be dropped anywhere on the page; elsewhere, the browser would open them in its place. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { words } from "../words/words.js";
import { droppedFiles } from "./dropped-files.js";

export function DropTarget({ onFiles }: { onFiles: (files: Promise<File[]>) => void }) {
  const isOver = useSignal(false);
  useEffect(() => {
    const ending = new AbortController();
    const on = (type: "dragover" | "dragleave" | "drop", listener: (event: DragEvent) => void) =>
      document.addEventListener(type, listener, { signal: ending.signal });
    on("dragover", (event) => {
      event.preventDefault();
      isOver.value = true;
    });
    on("dragleave", (event) => {
      if (event.relatedTarget === null) isOver.value = false;
    });
    on("drop", (event) => {
      event.preventDefault();
      isOver.value = false;
      if (event.dataTransfer !== null) onFiles(droppedFiles(event.dataTransfer));
    });
    return () => ending.abort();
  }, [onFiles]);
  return isOver.value ? (
    <div class="drop" aria-hidden="true">
      {words.value.open.drop}
    </div>
  ) : null;
}
