export { checkingDigests } from './body-digests.ts'
export { Broken, type DropBody, makeBodyDropper, makeBodyReceiver, type ReceiveBody } from './body-receiver.ts'
export { authorizationOf, collectionRights, type Guard, keyRights, maySeeDetails } from './caller.ts'
export { type CrossOriginBounds, makeCrossOriginGuard } from './cross-origin-guard.ts'
export { errorReply, type RenderError, renderAsAccepted, renderAsErrorJson, renderError } from './error-reply.ts'
export { firstHeaderOf, hasBody, hasHeader, headerOf, isHostGiven, onlyHeaderOf } from './headers.ts'
export { makeCompletionTracker } from './node-completion.ts'
export { type ExchangeContext, NodeRequest, originForm } from './node-request.ts'
export { NodeResponse } from './node-response.ts'
export { reasonPhrases } from './reason-phrases.ts'
export {
  type BodySink,
  isStreamed,
  jsonReply,
  type Reply,
  retryAfterSeconds,
  type StreamedBody,
  valueHeaders,
} from './reply.ts'
export { type HeldBytes, type HoldBytes, type HoldReply, makeBytesHold, makeReplyHold } from './reply-memory.ts'
export type { Exchange, Request, Resource } from './request.ts'
export { makeRequestLog, shownPath } from './request-log.ts'
export { type HttpTally, makeHttpTally } from './request-tally.ts'
export { requestIdOf, traceOf } from './request-trace.ts'
export { noteWait, otherRoute } from './telemetry.ts'
