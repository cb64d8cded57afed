import type { Client } from 'pg'
import type { MemberName, MemberService, RingMemberNode } from './member-names.ts'

/**
 * Four members with a log each, and all that can be done to them. None of them knows of a ring when they start. A
 * service that is killed stays down until it is started.
 */
export interface RingStack {
  readonly nodes: readonly RingMemberNode[]
  /** Sends SIGKILL to all of the services at once. Resolves when they are gone. */
  kill(...services: MemberService[]): Promise<void>
  /** Starts services that do not run. Resolves when their processes run; they need not be ready. */
  start(...services: MemberService[]): Promise<void>
  /** Connects to a member's Postgres as soon as it can. The caller ends the connection. */
  connect(name: MemberName): Promise<Client>
  /** Log lines of all nodes. */
  output(): Promise<string>
  /** Starts all that is down. Idempotent. */
  heal(): Promise<void>
  /** Removes the stack and all that belongs to it. */
  down(): Promise<void>
}
