import type { DatabaseError } from 'pg'

/**
 * Whether an append was refused since the log is not what appends make of it, so that trying again would be refused for
 * ever: KVS01 of migrations/005_append_only_head.sql; 23505, an entry stands where the next one belongs; P0002 and P0003,
 * the one row of a table is gone, or is there twice.
 */
export function isBroken({ code }: DatabaseError): boolean {
  return code !== undefined && /^(KVS01|23505|P0002|P0003)$/.test(code)
}

/** @param what is wrong with it */
export function brokenLog(what: string): string {
  return `the log was changed by other hands than an append’s: ${what}. docs/outages.md says how to mend it; restart the node then`
}
