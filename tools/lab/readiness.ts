/** Answer of /readyz. */
export interface NodeStatus {
  /** HTTP status. */
  readonly http: number
  readonly state: string
  readonly reason: string | null
  /** LOGID=SEQUENCE */
  readonly position?: string | null
  readonly spool?: { readonly writes: number; readonly bytes: number }
}

/** Asks a node for its status; undefined if it does not answer within two seconds. */
export async function statusOf(url: string): Promise<NodeStatus | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })
    return { http: response.status, ...((await response.json()) as Omit<NodeStatus, 'http'>) }
  } catch {
    return undefined
  }
}
