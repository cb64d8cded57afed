export { answersPageIn, answersPageJson, BadAnswersPage } from './answers-page.ts'
export { type AskedCopy, type Copies, type CopyWait, copiesPath, type LogCopy } from './copies.ts'
export {
  BadDigestText,
  formatDigests,
  formatDigestsError,
  formatFingerprints,
  formatUnlike,
  maxFingerprintBytes,
  mostFingerprints,
  parseDigests,
  parseFingerprints,
  parseUnlike,
} from './digest-text.ts'
export { bucketCount, type DigestService, type Fingerprint, type Unlike } from './digests.ts'
export {
  digestsPath,
  digestsType,
  type Feed,
  type FeedQuery,
  type FeedStream,
  feedPath,
  feedType,
  positionPath,
  rejoinPath,
} from './feed.ts'
export type {
  AskedTransaction,
  ConditionalWrite,
  InLog,
  Kv,
  Stored,
  Transacted,
  TransactedEntry,
} from './kv.ts'
export type { KeyCount, KeyListing, KeyQuery, ShownState, ValuePage } from './listing.ts'
export type { Members, SiteService } from './members.ts'
export { type AnswerService, type AskedAnswers, movedAnswersPath } from './moved-answers.ts'
export { BadMovedPage, formatMovedPage, movedPageType, parseMovedPage } from './moved-page.ts'
export { requireKnownLogs } from './own-log.ts'
export { type PassedOnWrite, spooledPath } from './passed-on.ts'
export {
  type AskedChanges,
  type AskedKeys,
  type AskedRingChange,
  callOffPath,
  changePath,
  givePath,
  type MovedPage,
  movedChangesPath,
  movedKeysPath,
  type RingPlan,
  type RingProgress,
  type RingService,
  type RingState,
  removeLostPath,
  ringPath,
  type TakeProgress,
  type Taking,
  takePath,
} from './ring-service.ts'
export { ringStatusOf } from './ring-status.ts'
export {
  type Comparison,
  type PeerStatus,
  type RingStatus,
  type SitesStatus,
  type SpoolStatus,
  type State,
  type Status,
  states,
} from './status.ts'
