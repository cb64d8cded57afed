/** No answer has come in time. */
export class Late extends Error {
  override readonly name = 'Late'
}

/** One sentence for a person on why there is no answer from the target, and what to look at. */
export function explain(error: Error, target: string): string {
  const code = codeOf(error)
  return sentences[code]?.(target) ?? `${target}: ${error.message}${code ? ` (${code})` : ''}`
}

const brokeOff = (target: string) => `the connection to ${target} broke off before its answer was there`
const unreachable = (target: string) => `${target} can’t be reached`

const sentences: Record<string, (target: string) => string> = {
  ECONNREFUSED: (target) => `nothing listens at ${target}: is the node running there?`,
  ENOTFOUND: (target) => `the host name in ${target} is not known: is that node, or its container, running?`,
  EAI_AGAIN: (target) => `the host name in ${target} can’t be looked up now`,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  UND_ERR_CONNECT_TIMEOUT: (target) => `${target} takes no connection`,
  UND_ERR_SOCKET: brokeOff,
  UND_ERR_DESTROYED: () => 'this node has been told to stop',
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
}

function codeOf(error: Error): string {
  // A host name with several addresses fails with one error for each of them.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first && typeof first === 'object' && 'code' in first ? first.code : undefined
  return typeof code === 'string' ? code : ''
}
