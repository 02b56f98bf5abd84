import { render } from "preact";
import { App } from "./app.js";
import { startTheme } from "./frame/theme.js";
import { createLook } from "./picture/look.js";
import { Reading } from "./reading/reading.js";
import { startLanguage } from "./words/words.js";

startTheme();
startLanguage();
render(<App reading={new Reading()} look={createLook()} />, document.getElementById("page")!);
