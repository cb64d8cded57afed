import type { Metric } from './metric.ts'

export interface ForwardingSources {
  readonly version: string
  /** Undefined before it was asked for the first time. */
  readonly isTargetUp: () => boolean | undefined
}

/** What a forwarding node has to tell, beside what the HTTP server has. */
export function forwardingMetrics({ version, isTargetUp }: ForwardingSources): Metric[] {
  return [
    {
      name: 'kvs_info',
      type: 'gauge',
      help: 'Always 1; the version of the program',
      read: () => [{ labels: { version }, value: 1 }],
    },
    {
      name: 'kvs_forward_target_up',
      type: 'gauge',
      help: 'Whether the node that requests are forwarded to gave an answer when it was last asked; absent before that',
      read: () => {
        const isUp = isTargetUp()
        return isUp === undefined ? undefined : Number(isUp)
      },
    },
  ]
}
