import { build, defaultClientConditions, type Rolldown } from "vite";

/** Bundles a page's script with everything that it imports from the sources of the packages. */
export async function bundlePage(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["canopy-source", ...defaultClientConditions] },
    build: {
      write: false,
      minify: false,
      target: "es2023",
      rolldownOptions: { input: entry, output: { format: "es", codeSplitting: false } },
    },
  });
  const [output] = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[];
  const chunk = output?.output.find((part) => part.type === "chunk");
  if (chunk?.type !== "chunk") throw new Error(`no script for ${entry}`);
  return chunk.code;
}
