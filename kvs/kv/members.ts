import type { Rank } from '../core/rank.ts'
import type { AskedCopy, Copies, LogCopy } from './copies.ts'
import type { DigestService } from './digests.ts'
import type { Feed } from './feed.ts'

/** The sites of the group, by the addresses of their nodes, as this site knows them. */
export interface Members {
  /** In no order. */
  list(): readonly string[]
  /**
   * Makes a site a member. On return every member that can be reached knows it. Rejects as a conditional write, and
   * with `removed` where this site was taken out itself.
   * @param address `host:port` or `https://host:port`
   */
  add(address: string): Promise<'added' | 'there already'>
  /**
   * Takes a site out, after the others have what it alone had, as long as it can be reached. On return every member
   * that can be reached knows it. Rejects as `add`.
   */
  remove(address: string): Promise<'removed' | 'not there'>
}

/** What a node does for other sites, and with its group. */
export interface SiteService {
  readonly feed: Feed
  readonly members: Members
  readonly digests: DigestService
  /** Has this node know of the members what its log has. Rejects where the log can't be read. */
  refreshMembers(): Promise<void>
  /**
   * Has a site that was taken out be a member again, where an entry of this rank has added it since. Rejects where the
   * log can't be read.
   */
  rejoin(rank: Rank): Promise<void>
  /**
   * Tells another site how far this site's log has its entries: once that is as far as asked, or after a second.
   * Rejects with `not_ready`, and with `removed` where this site was taken out of its group.
   */
  copyOf(asked: AskedCopy): Promise<LogCopy>
  /** Undefined where writes wait for no other log. */
  readonly copies: Copies | undefined
}
