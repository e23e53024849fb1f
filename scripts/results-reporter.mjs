// A reporter of vitest that puts down how a run ended, for `npm test` to say once more at its very end: between a
// failure in one project and the end of the last project stand thousands of lines, of which a log may keep only the
// last ones.
import { appendFileSync } from "node:fs";

/** Characters of one error: its message and where it was thrown, not the whole of what it compares. */
const LONGEST_ERROR = 1500;

function words({ message, stack }) {
  const places = String(stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !line.includes("node_modules"))
    .slice(0, 3);
  return `${String(message).slice(0, LONGEST_ERROR)}\n${places.join("\n")}`.trimEnd().replace(/^/gm, "    ");
}

/** Appends one line of JSON per run to the file that CANOPY_TEST_RESULTS names: counts, and a text per failure. */
export default class ResultsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const failures = [];
    for (const module of modules) {
      const place = `${module.project.name} ${module.relativeModuleId}`;
      for (const error of module.errors()) failures.push(`${place}\n${words(error)}`);
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) failures.push(`${place} > ${suite.fullName}\n${words(error)}`);
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state in counts) counts[state] += 1;
        for (const error of errors ?? []) failures.push(`${place} > ${test.fullName}\n${words(error)}`);
      }
    }
    for (const error of unhandledErrors) failures.push(`an error outside of any test\n${words(error)}`);
    const file = process.env.CANOPY_TEST_RESULTS;
    if (file !== undefined) appendFileSync(file, `${JSON.stringify({ ...counts, failures })}\n`);
  }
}
