import type { Conditions } from '../network/proxy.ts'
import { docker } from './docker.ts'
import type { Network, NodeName } from './stack.ts'

export interface ComposeNetworkOptions {
  readonly node: NodeName
  /** Others stay connected when this node is cut off. */
  readonly hasOthers: boolean
  readonly network: string
  readonly container: (service: string) => string
  /** of the proxy */
  readonly controlPort: number
}

const toPostgres = ['OUTPUT', '-p', 'tcp', '--dport', '5432']
const fromPostgres = ['INPUT', '-p', 'tcp', '--sport', '5432']
const drop = ['--jump', 'DROP']
const reset = ['--jump', 'REJECT', '--reject-with', 'tcp-reset']

export function makeComposeNetwork(options: ComposeNetworkOptions): Network {
  const { node, hasOthers, network, container, controlPort } = options
  let isCut = false
  let hasRules = false
  let isSlow = false

  /** In the network namespace of the node, with rights that kvs itself does not have. */
  const iptables = (...args: string[]) =>
    docker(['exec', '--privileged', '--user', 'root', container(node), 'iptables', '--wait', ...args])

  async function add(...rule: string[]): Promise<void> {
    hasRules = true
    await iptables('--append', ...rule).catch(unlessEnded)
  }

  async function tellProxy(method: string, conditions: Conditions = {}): Promise<void> {
    const body = method === 'PUT' ? { body: JSON.stringify(conditions) } : {}
    const signal = AbortSignal.timeout(10_000)
    const response = await fetch(`http://127.0.0.1:${controlPort}/`, { method, signal, ...body })
    if (!response.ok) throw new Error(`the proxy answered ${response.status}`)
  }

  return {
    async cut() {
      if (hasOthers) {
        await add(...toPostgres, ...reset)
        await add(...fromPostgres, ...drop)
        return
      }
      isCut = true
      await docker(['network', 'disconnect', network, container('postgres')])
    },

    async drop(direction) {
      if (direction !== 'from postgres') await add(...toPostgres, ...drop)
      if (direction !== 'to postgres') await add(...fromPostgres, ...drop)
    },

    async slow(conditions, lost) {
      isSlow = true
      await tellProxy('PUT', conditions)
      if (lost === 0) return
      const random = ['-m', 'statistic', '--mode', 'random', '--probability', lost.toFixed(3)]
      await add(...toPostgres, ...random, ...drop)
      await add(...fromPostgres, ...random, ...drop)
    },

    reset: () => tellProxy('POST'),

    async heal() {
      if (isSlow) await tellProxy('PUT')
      isSlow = false
      // A container that has ended took its rules with it.
      if (hasRules) await iptables('--flush').catch(unlessEnded)
      hasRules = false
      if (isCut) await docker(['network', 'connect', '--alias', 'postgres', network, container('postgres')])
      isCut = false
    },
  }
}

/** A node that has just been killed has no network to spoil, and its next start brings a new one. */
function unlessEnded(error: unknown): void {
  // 137: the command was killed with its container, without a word.
  const wasKilled = (error as { code?: unknown }).code === 137
  if (!wasKilled && !/is not running|stopped container|exec failed/.test(String(error))) throw error
}
