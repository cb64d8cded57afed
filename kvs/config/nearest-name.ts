/**
 * Finds the known name that was probably meant: the same without a prefix (PORT for KVS_PORT), or the nearest that
 * differs in at most a third of its length. Undefined when there is none.
 */
export function nearest(name: string, knownNames: readonly string[]): string | undefined {
  const unprefixed = name.slice(name.indexOf('_') + 1)
  if (knownNames.includes(unprefixed)) return unprefixed
  return knownNames
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(name.length, candidate.length) / 3)
    .sort((a, b) => a.distance - b.distance)[0]?.candidate
}

/**
 * Counts characters to insert and delete. Replacing one counts twice, or POSTGRES_PASS would be nearest to
 * POSTGRES_HOST.
 */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const [kept = 0, deleted = 0, inserted = 0] = [row[j], row[j + 1], next[j]]
      next.push(a[i] === b[j] ? kept : Math.min(deleted, inserted) + 1)
    }
    row = next
  }
  return row[b.length] ?? 0
}
