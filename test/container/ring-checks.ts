import { expect } from 'vitest'
import { until } from '../support/until.ts'
import { ownerByHand, type RingPositions, ringWords } from './ring-client.ts'
import type { RingStack } from './stack-of-ring.ts'

/** An answer of the dialect to what it has done. */
export const ok = { status: 200, text: expect.stringMatching(/^OK\n?$/) }

const textOf = (word: string) => `value of ${word}\n`

const inByteOrder = (keys: readonly string[]) =>
  keys.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

/** What holds at every node of a ring, and through nginx. */
export function makeRingChecks({ nodes, balancer }: RingStack) {
  const everyone = [balancer, ...nodes]

  return {
    everyone,

    /** Every node shows these positions. */
    async ringIs(positions: RingPositions): Promise<void> {
      for (const node of nodes) expect([node.url, await node.ring()]).toEqual([node.url, positions])
    },

    async putWords(): Promise<void> {
      for (const word of ringWords) expect([word, await balancer.put(word, textOf(word))]).toEqual([word, ok])
    },

    /** Every word that was put is there, and everybody says of each whose it is. */
    async wordsAreThere(positions: RingPositions): Promise<void> {
      for (const one of everyone) {
        for (const word of ringWords) {
          expect([one.url, word, await one.get(word)]).toEqual([one.url, word, { status: 200, text: textOf(word) }])
          const { status, text } = await one.ownerOf(word)
          expect([one.url, word, status, text.trim()]).toEqual([one.url, word, 200, ownerByHand(positions, word)])
        }
      }
    },

    /** Each node says that it has those of the dialect's keys itself that are its own by the definition. */
    async ownKeysAre(positions: RingPositions, keys: readonly string[] = ringWords): Promise<void> {
      for (const { url, address, ownKeys } of nodes) {
        const own = keys.filter((key) => ownerByHand(positions, key) === address)
        expect([url, await ownKeys()]).toEqual([url, inByteOrder(own)])
      }
    },

    /** Addresses of the nodes that say that they have a word, by words. */
    async membersWithWords(): Promise<Record<string, string[]>> {
      const shown = await Promise.all(nodes.map(async ({ address, ownKeys }) => ({ address, keys: await ownKeys() })))
      const having = (word: string) => shown.filter(({ keys }) => keys.includes(word)).map(({ address }) => address)
      return Object.fromEntries(ringWords.map((word) => [word, having(word)]))
    },

    /** Everybody shows these ETags of the words. */
    async tagsAre(tags: ReadonlyMap<string, string | null>): Promise<void> {
      for (const { url, tagOf } of everyone)
        for (const [word, tag] of tags) expect([url, word, await tagOf(word)]).toEqual([url, word, tag])
    },

    /** Nobody has a value for this word. */
    async wordIsGone(word: string): Promise<void> {
      for (const one of everyone)
        expect([one.url, await one.get(word)]).toEqual([one.url, { status: 200, text: 'N/A' }])
    },

    /** Everybody lists these keys under /v1, and counts them. */
    async keysAre(keys: readonly string[]): Promise<void> {
      for (const one of everyone) {
        expect(JSON.parse((await one.ask('/v1/:')).text)).toEqual(inByteOrder(keys))
        expect(JSON.parse((await one.ask('/v1/:?count')).text)).toEqual({ count: keys.length })
      }
    },

    /** nginx leaves a node alone for some seconds after it was down. */
    nginxReachesNodes: () =>
      until('nginx reaches the nodes', async () => {
        const asked = Array.from({ length: 6 }, () => balancer.ask('/readyz').catch(() => undefined))
        return (await Promise.all(asked)).every((answer) => answer?.status === 200)
      }),
  }
}

export type RingChecks = ReturnType<typeof makeRingChecks>

/** The dialect's keys as /v1 has them. */
export const underRoute = (words: readonly string[]) => words.map((word) => `route/${word}`)
