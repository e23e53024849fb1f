// Bundles tests/load/<name>.ts and runs it. Node.js 20 runs no TypeScript; packages stay outside the bundle, so
// that what is measured is what is built. The bundle lies in tests/node_modules to resolve them as the tests do.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../", import.meta.url));
const [name = "", ...args] = process.argv.slice(2);
const outDir = join(root, "tests", "node_modules", ".bench");
const isLocal = (id) => id.startsWith(".") || id.startsWith("/");

await build({
  configFile: false,
  root,
  logLevel: "warn",
  build: {
    ssr: join(root, "tests", "load", `${name}.ts`),
    outDir,
    emptyOutDir: false,
    target: "node20",
    rollupOptions: {
      external: (id) => !isLocal(id) && !id.startsWith("@oxc-project/"),
      output: { entryFileNames: `${name}.mjs` },
    },
  },
});

const file = join(outDir, `${name}.mjs`);
process.argv = [process.argv[0] ?? "node", file, ...args];
await import(pathToFileURL(file).href);
