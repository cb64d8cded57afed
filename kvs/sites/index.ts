export { makeHttpPeer } from './http-peer.ts'
export type { OwnSite } from './own-site.ts'
export { makeSites, type Sites } from './sites.ts'
