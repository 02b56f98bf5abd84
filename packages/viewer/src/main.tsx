import { render } from "preact";
import { App } from "./app.js";
import { startTheme } from "./frame/theme.js";
import { openOffered } from "./open/offered.js";
import { createLook } from "./picture/look.js";
import { Reading } from "./reading/reading.js";
import { startLanguage } from "./words/words.js";

startTheme();
startLanguage();
const reading = new Reading();
render(<App reading={reading} look={createLook()} />, document.getElementById("page")!);
void openOffered(reading);
