import { fileURLToPath } from "node:url";

/** The command that supervised processes run: this one. */
export const MAIN_SCRIPT = fileURLToPath(new URL("../main.js", import.meta.url));
