import type { Entry } from '../../../../kvs/core/entry.ts'
import type { Position } from '../../../../kvs/core/position.ts'
import { makeOwnDigests } from '../../../../kvs/sites/digests/own-digests.ts'
import type { OwnSite, PeerClient } from '../../../../kvs/sites/index.ts'
import { makeView } from '../../../../kvs/view/index.ts'
import { clientOf, makeOwnSite } from '../fixtures.ts'

export type Change = Partial<Pick<Entry, 'stamp' | 'origin'>> & { readonly write: Entry['write'] }

export const put = (
  key: string,
  value = 'v',
  more: { contentType?: string; deadline?: number } = {},
): Entry['write'] => ({
  ...{ kind: 'put', key, value: Buffer.from(value), contentType: undefined, deadline: undefined },
  ...more,
})

/** A site whose view a test fills by hand, and that has all that is waited for. */
export function makeSite(logId: string) {
  const view = makeView({ logId, ranks: true })
  let sequence = 0n
  let readings = 0
  let isReading = false
  let mostAtOnce = 0
  const waited: Position[] = []
  /** Called where the site waits for a position. */
  let onWait: () => void = () => undefined
  const stopping = new AbortController()
  const site: OwnSite = {
    ...makeOwnSite().site,
    logId: () => logId,
    seen: () => view.seen,
    puts: () => view,
    async waitFor(position) {
      waited.push(position)
      onWait()
    },
    async inSlices(work) {
      readings++
      if (isReading) mostAtOnce++
      isReading = true
      try {
        while (!work.next().done) await Promise.resolve()
      } finally {
        isReading = false
      }
    },
  }
  return {
    ...{ site, view, waited, stopping },
    own: makeOwnDigests({ site, isRemoved: () => false, stopping: stopping.signal }),
    get readings() {
      return { readings, mostAtOnce }
    },
    whileWaiting(act: () => void) {
      onWait = () => {
        onWait = () => undefined
        act()
      }
    },
    apply(...changes: readonly Change[]) {
      for (const { write, stamp = Number(sequence + 1n) * 1_000, origin } of changes) {
        sequence++
        const entry = { sequence, digest: Buffer.alloc(32), superseded: false, isOwn: false, recordedAt: 0, write }
        view.apply({ ...entry, stamp, origin })
      }
    },
  }
}

export type Site = ReturnType<typeof makeSite>

export const at = (sequence: number, logId = 'a') => ({ logId, sequence: BigInt(sequence) })

/** What a and b have in common; b has it from a. */
export function applyAtBoth(a: Site, b: Site, ...writes: readonly Entry['write'][]): void {
  for (const write of writes) {
    a.apply({ write })
    const { sequence } = a.view.position
    b.apply({ write, stamp: Number(sequence) * 1_000, origin: { logId: 'a', sequence } })
  }
}

export function clientTo({ own }: Pick<Site, 'own'>, asked: number[] = []): PeerClient {
  return {
    ...clientOf(() => Promise.reject(new Error('nothing is followed'))),
    askDigests: (seen) => own.read(seen),
    askUnlike(seen, fingerprints) {
      asked.push(fingerprints.length)
      return own.compare(seen, fingerprints)
    },
  }
}

export function makeTwo() {
  const [a, b] = [makeSite('a'), makeSite('b')]
  applyAtBoth(a, b, ...Array.from({ length: 300 }, (_, index) => put(`k${index}`, `v${index}`)))
  return { a, b }
}
