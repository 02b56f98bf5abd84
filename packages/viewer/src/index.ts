/** Where the built page is: static files, to be copied to a web host or served by a program. */
import { fileURLToPath } from "node:url";

/** Folder of the built page, with index.html. */
export const siteFolder: string = fileURLToPath(new URL("../site", import.meta.url));
