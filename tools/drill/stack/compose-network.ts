import { docker } from '../../lab/docker.ts'
import type { Conditions } from '../../lab/network/proxy.ts'
import { execInNetwork } from './exec-in-network.ts'
import type { Network, NodeName } from './stack.ts'

export interface ComposeNetworkOptions {
  readonly node: NodeName
  /** Set if the stack has other nodes, which stay connected when this one is cut off. */
  readonly hasOthers: boolean
  readonly network: string
  readonly container: (service: string) => string
  /** Port on which the proxy takes its conditions. */
  readonly controlPort: number
  /** How long to wait for a container's end after a command in it has failed; 10 s by default. */
  readonly endBoundMs?: number
}

const toPostgres = ['OUTPUT', '-p', 'tcp', '--dport', '5432']
const fromPostgres = ['INPUT', '-p', 'tcp', '--sport', '5432']
const drop = ['--jump', 'DROP']
const reset = ['--jump', 'REJECT', '--reject-with', 'tcp-reset']

export function makeComposeNetwork(options: ComposeNetworkOptions): Network {
  const { node, hasOthers, network, container, controlPort, endBoundMs = 10_000 } = options
  let isCut = false
  let hasRules = false
  let isSlow = false

  const iptables = (...args: string[]) => {
    return execInNetwork(container(node), ['iptables', '--wait', ...args], endBoundMs)
  }

  async function add(...rule: string[]): Promise<void> {
    hasRules = true
    await iptables('--append', ...rule)
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
      if (hasRules) await iptables('--flush')
      hasRules = false
      if (isCut) await docker(['network', 'connect', '--alias', 'postgres', network, container('postgres')])
      isCut = false
    },
  }
}
