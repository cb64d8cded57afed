/** No answer came in time. */
export class Late extends Error {
  override readonly name = 'Late'
}

/**
 * Explains in one sentence why there is no answer from the target, and what to look at.
 * @param caSetting the setting that names the CAs trusted there
 */
export function explain(error: Error, target: string, caSetting = 'KVS_FORWARD_CA'): string {
  const code = codeOf(error)
  return sentences[code]?.(target, caSetting) ?? `${target}: ${error.message}${code ? ` (${code})` : ''}`
}

const brokeOff = (target: string) => `the connection to ${target} broke off before its answer was there`
const untrusted = (target: string, setting: string) =>
  `the certificate of ${target} is of no CA that is trusted here (${setting})`
const unreachable = (target: string) => `${target} can’t be reached`

const sentences: Record<string, (target: string, caSetting: string) => string> = {
  ECONNREFUSED: (target) => `nothing listens at ${target}: is the node running there?`,
  ENOTFOUND: (target) => `the host name in ${target} is not known: is that node, or its container, running?`,
  EAI_AGAIN: (target) => `the host name in ${target} can’t be looked up now`,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  UND_ERR_CONNECT_TIMEOUT: (target) => `${target} takes no connection`,
  UND_ERR_SOCKET: brokeOff,
  UND_ERR_BODY_TIMEOUT: (target) => `the rest of the answer of ${target} does not come`,
  UND_ERR_DESTROYED: () => 'this node has been told to stop',
  ECONNRESET: brokeOff,
  EPIPE: brokeOff,
  EMFILE: () => 'this node is out of file descriptors (ulimit -n)',
  ENFILE: () => 'the machine of this node is out of file descriptors (fs.file-max)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_HAS_EXPIRED: (target) => `the certificate of ${target} has expired`,
  ERR_TLS_CERT_ALTNAME_INVALID: (target) => `the certificate of ${target} is for another host`,
  ERR_SSL_WRONG_VERSION_NUMBER: (target) => `${target} does not speak TLS: is it http:// there?`,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: (target) => `${target} does not speak TLS: is it http:// there?`,
}

function codeOf(error: Error): string {
  // A host name with several addresses fails with one error for each of them.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const code = first && typeof first === 'object' && 'code' in first ? first.code : undefined
  return typeof code === 'string' ? code : ''
}
