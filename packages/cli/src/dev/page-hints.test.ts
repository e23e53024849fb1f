import { describe, expect, it } from "vitest";
import { addPageHints } from "./page-hints.ts";

const INFO = {
  console: "http://127.0.0.1:8080",
  origin: "http://127.0.0.1:4440",
  relays: [],
  edges: ["http://127.0.0.1:4443", "http://127.0.0.1:4444"],
  rtmp: "rtmp://127.0.0.1:1935",
  broadcast: "live/</script><b>$&",
  processes: [],
};

function hints(url: string, query = ""): string {
  return addPageHints("<head><title>x</title></head>", url, new URLSearchParams(query), INFO);
}

describe("addPageHints", () => {
  it("tells every page where the nodes are, as data that cannot become markup", () => {
    const html = hints("/publish");
    const [, json = ""] = /id="canopy-network">(.*?)<\/script>/.exec(html) ?? [];
    expect(JSON.parse(json)).toEqual(INFO);
    expect(html).not.toContain("preload");
    expect(html.endsWith("</head>")).toBe(true);
  });

  it("asks early for the certificate hash of the edge that the watch page dials", () => {
    const href = (query: string) => /href="(.*?)"/.exec(hints("/watch", query))?.[1];
    expect(href("")).toBe("http://127.0.0.1:4443/certificate.sha256");
    expect(href("edge=2")).toBe("http://127.0.0.1:4444/certificate.sha256");
    expect(href("src=https://localhost:1,https://b:2")).toBe("http://localhost:1/certificate.sha256");
    expect(href("src=https://edge.example.com")).toBeUndefined();
    expect(href('src="><script>')).toBeUndefined();
  });
});
