import type { OwnSite } from './own-site.ts'

/** Resolves once the view has applied the log through a sequence, or the signal aborts. */
export function untilApplied(site: OwnSite, sequence: bigint, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (site.sequence() >= sequence) end()
    }
    const forget = site.onAdvance(check)
    function end(): void {
      forget()
      signal.removeEventListener('abort', end)
      resolve()
    }
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    else check()
  })
}
