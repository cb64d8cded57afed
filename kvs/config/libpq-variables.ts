import type { Environment } from './settings-table.ts'

/**
 * Variables that libpq (https://www.postgresql.org/docs/18/libpq-envars.html) or `pg` reads. They are not settings of
 * this service: one of them, set for another program, could silently change the sessions with the log or prevent them.
 */
const names: readonly string[] = [
  ...['PGHOST', 'PGHOSTADDR', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD', 'PGPASSFILE', 'PGREQUIREAUTH'],
  ...['PGCHANNELBINDING', 'PGSERVICE', 'PGSERVICEFILE', 'PGOPTIONS', 'PGAPPNAME', 'PGSSLMODE', 'PGREQUIRESSL'],
  ...['PGSSLNEGOTIATION', 'PGSSLCOMPRESSION', 'PGSSLCERT', 'PGSSLKEY', 'PGSSLCERTMODE', 'PGSSLROOTCERT', 'PGSSLCRL'],
  ...['PGSSLCRLDIR', 'PGSSLSNI', 'PGREQUIREPEER', 'PGSSLMINPROTOCOLVERSION', 'PGSSLMAXPROTOCOLVERSION'],
  ...['PGMINPROTOCOLVERSION', 'PGMAXPROTOCOLVERSION', 'PGGSSENCMODE', 'PGKRBSRVNAME', 'PGGSSLIB', 'PGGSSDELEGATION'],
  ...['PGCONNECT_TIMEOUT', 'PGCLIENTENCODING', 'PGTARGETSESSIONATTRS', 'PGLOADBALANCEHOSTS', 'PGDATESTYLE', 'PGTZ'],
  ...['PGGEQO', 'PGSYSCONFDIR', 'PGLOCALEDIR', 'PGCLIENT_ENCODING', 'PGREPLICATION', 'PGBINARY'],
]

/** Removes the variables, because `pg` reads them in place of any value that is missing or empty. */
export function removeLibpqVariables(env: Record<string, string | undefined>): void {
  for (const name of names) delete env[name]
}

/** Returns one warning about all variables that are set; empty when none is. */
export function warnOfLibpqVariables(env: Environment): string[] {
  const set = Object.keys(env).filter((name) => names.includes(name) && env[name])
  if (set.length === 0) return []
  return [
    `passed over, as libpq’s variables are not read: ${set.join(', ')}; set DATABASE_URL, which takes ` +
      'libpq’s parameters (options=… for PGOPTIONS), or POSTGRES_HOST, POSTGRES_USER, POSTGRES_PASSWORD …',
  ]
}
