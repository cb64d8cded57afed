/**
 * The environment of Postgres's programs. None of it is inherited: no PG* variable changes what runs, and no secret of
 * the node shows in /proc/PID/environ.
 */
export const childEnvironment = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LANG: 'C',
  LC_ALL: 'C',
  TZ: 'UTC',
}
