export { makeHttpFeed } from './http-feed.ts'
export type { OwnSite } from './own-site.ts'
export type { PeerStatus } from './peer.ts'
export { makeSites, type Sites, type SitesMeasures, type SitesStatus } from './sites.ts'
