/** The thread that makes the MP4 of one recording: hours of media pass through it, and no viewer waits for it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { workerData } from "node:worker_threads";
import { buildMp4 } from "./build-mp4.ts";
import { JOURNAL_FILE, readJournal } from "./recording-journal.ts";

const { folder, path } = workerData as { readonly folder: string; readonly path: string };
const { contents } = readJournal(await readFile(join(folder, JOURNAL_FILE), "utf8"));
await buildMp4(folder, contents, path);
