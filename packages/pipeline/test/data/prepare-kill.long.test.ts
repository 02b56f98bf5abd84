/** The kills of prepare-kill.test.ts, 40 of them: make test-long. */
import "./prepare-kill.test.js";
