/** What a tab that somebody looks at wants of the connection beside its topics. It is no topic: none is empty. */
export const SEEN = "";

/** Tells whether a topic is among those of a filter, with MQTT's wildcards: + for one level, # for all that follow (MQTT 5, 4.7). */
export function matches(filter: string, topic: string): boolean {
  const levels = topic.split("/");
  const parts = filter.split("/");
  // What begins with $ is not meant by a wildcard there.
  if (topic.startsWith("$") && /^[+#]/.test(filter)) return false;
  for (const [i, part] of parts.entries()) {
    if (part === "#") return true;
    if (levels[i] === undefined || (part !== "+" && part !== levels[i])) return false;
  }
  return levels.length === parts.length;
}
