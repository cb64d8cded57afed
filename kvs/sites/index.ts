export { makeHttpFeed } from './http-feed.ts'
export type { OwnSite } from './own-site.ts'
export type { OpenFeed } from './pull.ts'
export { makeSites, type Sites, type SitesMeasures } from './sites.ts'
