import type { RingStatus, SitesStatus } from '../kv/index.ts'

/** How a replica of a site's log and what the node does for its site know of each other. */
export interface SiteHooks {
  /** Whether the log takes over entries of other logs. The default is false. */
  readonly site?: boolean
  /** Whether the site was taken out of its group: it waits for nobody then. */
  readonly isRemoved?: () => boolean
  /** Called for each entry applied that is about the members of the group, after the replay. */
  readonly onMembership?: () => void
  /** What `status` says of other sites. */
  readonly sitesStatus?: () => SitesStatus
  /** What `status` says of the ring. */
  readonly ringStatus?: () => RingStatus
  /** Called whenever more of the log has been applied, after the replay. */
  readonly onAdvance?: () => void
}
