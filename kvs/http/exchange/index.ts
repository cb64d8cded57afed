export { checkingDigests } from './body-digests.ts'
export { authorizationOf, type Caller, type Guard, keyRights, seesInside } from './caller.ts'
export { makePageRefusal, type PageBounds } from './cross-origin-guard.ts'
export {
  answerError,
  answerJson,
  isUploading,
  type RenderError,
  render,
  renderAsAccepted,
  renderAsErrorJson,
  retryAfterSeconds,
  valueHeaders,
} from './error-response.ts'
export { awaitsContinue, hasBody, hasHeader, headerOf, isHostGiven, transferCodingOf } from './headers.ts'
export { Broken, type DropBody, makeBodyDropper, makeBodyReader, type ReceiveBody } from './request-body.ts'
export { makeWatch } from './request-end.ts'
export { makeRequestLog, pathOf, requestIdOf, traceOf } from './request-log.ts'
export { type HttpTally, makeHttpTally } from './request-tally.ts'
export { Answer, otherRoute } from './response.ts'
export { type HoldAnswer, makeHoldAnswer, releaseIfOut } from './response-memory.ts'
