import { killTest } from "./kill-case.js";

killTest(5, 3);
