import type { Metric } from './metric.ts'

export interface ForwarderSources {
  readonly version: string
  /** Whether the target answered the last probe; undefined before the first one. */
  readonly isTargetUp: () => boolean | undefined
}

/** Metrics of a forwarder, beside those of its HTTP server. */
export function forwarderMetrics({ version, isTargetUp }: ForwarderSources): Metric[] {
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
