export { makeHttpFeed } from './http-feed.ts'
export type { OwnSite } from './own-site.ts'
export { makeSites, type Sites } from './sites.ts'
