/** Names of fields that hold what a message says, best first. */
const TEXT_FIELDS = ["text", "question", "title", "message", "name"] as const;

/** What a timed message says in one line, for people: its text if it has one, otherwise its data as JSON. */
export function messageText(type: string, data: unknown): string {
  if (typeof data === "string") return `${type} · ${data}`;
  if (typeof data === "object" && data !== null) {
    for (const field of TEXT_FIELDS) {
      const value = (data as Readonly<Record<string, unknown>>)[field];
      if (typeof value === "string" && value !== "") return `${type} · ${value}`;
    }
  }
  return data === null || data === undefined ? type : `${type} · ${JSON.stringify(data)}`;
}
