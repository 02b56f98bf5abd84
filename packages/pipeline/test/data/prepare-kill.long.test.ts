/** The same with 40 kills: SLICESTACK_LONG is set where files of this name run. */
import "./prepare-kill.test.js";
