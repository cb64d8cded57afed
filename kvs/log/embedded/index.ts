export { findBinaries } from './binaries.ts'
export { type EmbeddedPostgres, makeEmbeddedPostgres } from './embedded.ts'
export { lookAtEmbedded } from './embedded-check.ts'
