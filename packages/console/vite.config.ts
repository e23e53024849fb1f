import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The pages read the TypeScript sources of the packages that they use, so they need no other build first.
export default defineConfig({
  root: here("."),
  resolve: { conditions: ["canopy-source", ...defaultClientConditions] },
  build: {
    outDir: here("dist"),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: true,
    // All browsers that have WebTransport or WebCodecs have it.
    modulePreload: { polyfill: false },
    // Small inlined images would need data: in the content security policy of whoever serves the pages.
    assetsInlineLimit: 0,
    // hls.js is the largest by far, and only loaded by viewers who play HLS.
    chunkSizeWarningLimit: 600,
    rolldownOptions: {
      input: {
        console: here("index.html"),
        watch: here("watch/index.html"),
        publish: here("publish/index.html"),
        replay: here("replay/index.html"),
        examples: here("examples/index.html"),
        "canopy-player": here("src/canopy-player.ts"),
      },
      // Few files: a viewer waits for each of them. The player element has a name that does not change, for pages
      // that embed it.
      output: {
        entryFileNames: (chunk) =>
          chunk.name === "canopy-player" ? "assets/canopy-player.js" : "assets/[name]-[hash].js",
        codeSplitting: {
          groups: [
            { name: "player", test: /packages\/(player\/src\/(?!publish)|protocol|media|transport)/ },
            { name: "page-shell", test: /packages\/console\/src\/(shell|api|style|element)/ },
          ],
        },
      },
      preserveEntrySignatures: "exports-only",
    },
  },
});
