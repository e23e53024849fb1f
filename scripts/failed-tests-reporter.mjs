// A reporter of vitest that puts down what failed, for `npm test` to say once more at its very end: between a failure
// in one project and the end of the last project stand thousands of lines, of which a log may keep only the last ones.
import { appendFileSync } from "node:fs";

/** File that failures are appended to. */
const FILE = process.env.CANOPY_TEST_FAILURES;
/** Characters of one error: its message and where it was thrown, not the whole of what it compares. */
const LONGEST_ERROR = 1500;

function words({ message, stack }) {
  const places = String(stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !line.includes("node_modules"))
    .slice(0, 3);
  return `${String(message).slice(0, LONGEST_ERROR)}\n${places.join("\n")}`.trimEnd().replace(/^/gm, "    ");
}

export default class FailedTestsReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const found = [];
    for (const module of modules) {
      const place = `${module.project.name} ${module.relativeModuleId}`;
      for (const error of module.errors()) found.push(`${place}\n${words(error)}`);
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) found.push(`${place} > ${suite.fullName}\n${words(error)}`);
      for (const test of module.children.allTests("failed"))
        for (const error of test.result().errors) found.push(`${place} > ${test.fullName}\n${words(error)}`);
    }
    for (const error of unhandledErrors) found.push(`an error outside of any test\n${words(error)}`);
    if (FILE !== undefined && found.length > 0) appendFileSync(FILE, `${found.join("\n\n")}\n\n`);
  }
}
