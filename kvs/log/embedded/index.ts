export { findBinaries } from './binaries.ts'
export { inspectCluster } from './cluster-inspection.ts'
export { type EmbeddedPostgres, makeEmbeddedPostgres } from './embedded-postgres.ts'
