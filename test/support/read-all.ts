import type { Entry } from '../../kvs/core/entry.ts'
import type { LogSession } from '../../kvs/log/log.ts'

/** The whole log, page after page. */
export async function readAll(session: LogSession): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const page = await session.read(entries.at(-1)?.sequence ?? 0n)
    if (page.length === 0) return entries
    entries.push(...page)
  }
}
