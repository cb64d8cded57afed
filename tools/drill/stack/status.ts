import type { NodeStatus } from './stack.ts'

export async function statusOf(url: string): Promise<NodeStatus | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })
    return { http: response.status, ...((await response.json()) as Omit<NodeStatus, 'http'>) }
  } catch {
    return undefined
  }
}
