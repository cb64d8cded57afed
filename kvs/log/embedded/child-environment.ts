/** Nothing inherited: no PG* variable changes what runs, and no secret of the node's shows in /proc/PID/environ. */
export const childEnvironment = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
  LANG: 'C',
  LC_ALL: 'C',
  TZ: 'UTC',
}
