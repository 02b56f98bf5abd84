/** The page: scans and a model in, the picture, the evidence and the result out. */
import { Header } from "./frame/header.js";
import { Status } from "./frame/status.js";
import { DropTarget } from "./open/drop-target.js";
import { ModelCard } from "./open/model-card.js";
import { isKept } from "./open/offered.js";
import { OpenCard } from "./open/open-card.js";
import { KeyTable } from "./picture/key-table.js";
import type { Look } from "./picture/look.js";
import { PictureView } from "./picture/picture-view.js";
import { Toolbar } from "./picture/toolbar.js";
import type { Reading } from "./reading/reading.js";
import { ResultPanel } from "./result/result-panel.js";
import { SliceStrip } from "./result/slice-strip.js";
import { SliceTable } from "./result/slice-table.js";
import { words } from "./words/words.js";

export function App({ reading, look }: { reading: Reading; look: Look }) {
  const { heading, staysHere, kept } = words.value;
  const isOpen = reading.index.value !== null;
  return (
    <>
      <Header />
      <main id="content" class={isOpen ? "reading" : "start"}>
        <div class="intro">
          <h1>{heading}</h1>
          <p>
            {staysHere} {isKept.value && <span class="kept">{kept}</span>}
          </p>
        </div>
        <Status reading={reading} />
        {isOpen && <Viewing reading={reading} look={look} />}
        <div class="side">
          {isOpen && <ResultPanel reading={reading} />}
          <ModelCard reading={reading} />
          <OpenCard reading={reading} />
        </div>
      </main>
      <DropTarget onFiles={(files) => void reading.openFiles(files)} />
    </>
  );
}

function Viewing({ reading, look }: { reading: Reading; look: Look }) {
  const { picture, slices } = words.value;
  return (
    <section class="viewing" aria-label={picture.title}>
      <Toolbar reading={reading} look={look} />
      <PictureView reading={reading} look={look} />
      <h2>{slices.title}</h2>
      <SliceStrip reading={reading} />
      <SliceTable reading={reading} />
      <KeyTable />
    </section>
  );
}
