import { type Environment, forwardingSettings, serviceSettings as service, settings } from './settings.ts'

/** All that a forwarding node goes by. */
const used = [
  ...[forwardingSettings.forwardingAddress, service.forwardTimeoutMs, service.host, service.port],
  ...[service.maxConnections, service.maxHeaderBytes, service.headersTimeoutMs, service.requestTimeoutMs],
  ...[service.idleTimeoutMs, service.keepAliveTimeoutMs],
  ...[service.drainDelayMs, service.shutdownTimeoutMs, service.logLevel, service.logFormat],
].map(({ name }) => name)

export function isForwarding(env: Environment): boolean {
  return Boolean(env[forwardingSettings.forwardingAddress.name])
}

/** The names of the settings given that a forwarding node has no use for. */
export function unusedByForwarding(env: Environment): string[] {
  return settings.flatMap(({ name }) => (env[name] && !used.includes(name) ? [name] : []))
}
