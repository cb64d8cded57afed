import type { LogCopy } from '../../kv/index.ts'
import type { LogReader } from '../../log/index.ts'
import type { OwnSite } from '../own-site.ts'

/**
 * Whether another log has its entries of this site's log from that log as it is now. A log that was restored, or whose
 * standby took over and lagged, writes other entries at the sequences of those that it lost.
 */
export interface CommonPast {
  /**
   * Whether the other log has the same entries; undefined where that is not known. It is known until this node has
   * connected to its own log anew, which may have gone back meanwhile, or until `forget`.
   */
  readonly isCommon: boolean | undefined
  /** Asks this site's log, where it is not known yet and the answer has a stamp. Rejects as `SiteLog.openReader`. */
  check(copy: LogCopy): Promise<void>
  /** What the other site answers may be from another log, or from an earlier state of it. */
  forget(): void
}

export interface CommonPastOptions {
  readonly site: Pick<OwnSite, 'logId' | 'session'>
  readonly openReader: () => Promise<Pick<LogReader, 'logId' | 'stampAt' | 'close'>>
}

export function makeCommonPast({ site, openReader }: CommonPastOptions): CommonPast {
  let known: { readonly isCommon: boolean; readonly session: number } | undefined

  function isCommon(): boolean | undefined {
    return known?.session === site.session() ? known.isCommon : undefined
  }

  return {
    get isCommon() {
      return isCommon()
    },
    async check({ sequence, stamp }) {
      if (isCommon() !== undefined || stamp === undefined) return
      const session = site.session()
      const reader = await openReader()
      try {
        if (reader.logId !== site.logId()) return
        known = { isCommon: (await reader.stampAt(sequence)) === stamp, session }
      } finally {
        await reader.close()
      }
    },
    forget() {
      known = undefined
    },
  }
}
