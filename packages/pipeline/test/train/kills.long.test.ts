import { killTest } from "./kill-case.js";

killTest(30, 1);
killTest(30, 2, { precision: "float32", "head.model": "transformer" });
