import type { KvsError } from '../../../kvs/core/errors.ts'
import { nowhere } from '../../../kvs/core/position.ts'
import type { Feed, FeedQuery } from '../../../kvs/kv/feed.ts'
import type { Members, SiteService } from '../../../kvs/kv/members.ts'

/** Members without sites, for tests of the HTTP side. */
export function makeFakeMembers(...addresses: string[]): Members & { failure: KvsError | undefined } {
  const known = new Set(addresses)
  const fake = {
    failure: undefined as KvsError | undefined,
    list: () => [...known],
    async add(address: string) {
      if (fake.failure) throw fake.failure
      if (known.has(address)) return 'there already' as const
      known.add(address)
      return 'added' as const
    },
    async remove(address: string) {
      if (fake.failure) throw fake.failure
      return known.delete(address) ? ('removed' as const) : ('not there' as const)
    },
  }
  return fake
}

/** The feed of a log that has sent all it had, and whose node stops. */
export function makeFakeFeed() {
  const feed = {
    queries: [] as FeedQuery[],
    failure: undefined as Error | undefined,
    frames: ['frames'],
    async open(query: FeedQuery) {
      if (feed.failure) throw feed.failure
      feed.queries.push(query)
      const frames = feed.frames.map((text) => Buffer.from(text))
      return { stopping: new AbortController().signal, next: async () => frames.shift(), close: () => undefined }
    },
  }
  return feed satisfies Feed
}

/** What a node does for other sites. */
export function makeFakeSite(members: Members = makeFakeMembers(), feed: Feed = makeFakeFeed()): SiteService {
  return {
    members,
    feed,
    digests: { read: async () => [], compare: async () => ({ position: nowhere, indices: [] }) },
    refreshMembers: async () => undefined,
    rejoin: async () => undefined,
    copies: undefined,
    copyOf: async ({ sequence }) => ({ holder: 'here', sequence, stamp: undefined }),
  }
}
