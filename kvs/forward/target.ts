import type { Logger } from 'pino'
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { startTlsReload, type Tls, type TlsTexts } from '../tls/index.ts'

export interface TargetOptions {
  /** `host:port` or `https://host:port`, as it can stand in a URL. */
  readonly address: string
  /** Certificates for https://. */
  readonly tls: Tls | undefined
  readonly timeoutMs: number
  readonly logger: Pick<Logger, 'info' | 'warn'>
}

export interface Target {
  readonly url: string
  /** `host:port`, for people. */
  readonly name: string
  readonly dispatcher: Dispatcher
  /** Goes with each request: without it, undici would take the client's Host for the name to reconnect to. */
  readonly servername: string
  readonly reloads: readonly (() => void)[]
}

/** What undici sends. It takes a name that its types lack. */
export type TargetRequest = Dispatcher.DispatchOptions & Pick<Target, 'servername'>

/** A target takes a connection at once, or when a lost packet is sent again: after 1 s, and after 3. */
const maxConnectMs = 5_000

/** Makes the pool of connections to the node that requests go to. */
export function makeTarget({ address, tls, timeoutMs, logger }: TargetOptions): Target {
  const url = new URL(address.startsWith('https://') ? address : `http://${address}`)
  let connector = connectorWith(tls?.texts)
  const dispatcher = new Pool(url.origin, {
    // The name to verify is the target's, whatever Host a client sent.
    connect: (options, callback) => {
      const { servername: _, ...rest } = options
      connector(rest, callback)
    },
    // An idle connection is closed this much sooner than the target says it will, so that a request does not cross its
    // end.
    keepAliveTimeoutThreshold: 1_000,
    // Where the target does not say
    keepAliveTimeout: 4_000,
    // request-forwarding.ts has its own timeout
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  })
  const apply = (texts: TlsTexts) => {
    connector = connectorWith(texts)
  }
  return {
    url: url.origin,
    name: address.replace(/^https:\/\//, ''),
    dispatcher,
    servername: url.hostname,
    reloads: startTlsReload(tls, apply, logger),
  }

  function connectorWith({ cert, key, ca }: TlsTexts = {}) {
    return buildConnector({
      timeout: Math.min(timeoutMs, maxConnectMs),
      allowH2: false,
      minVersion: 'TLSv1.2',
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(ca !== undefined && { ca }),
    })
  }
}
