import { KvsError } from '../../../kvs/core/errors.ts'
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

/** What a node does for other sites, but for its log, which nobody can follow. */
export function makeFakeSite(members: Members): SiteService {
  return {
    members,
    feed: { open: () => Promise.reject(new KvsError('not_ready')) },
    refreshMembers: async () => undefined,
    rejoin: async () => undefined,
  }
}
