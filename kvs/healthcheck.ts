/**
 * A program of its own, for an image that has no curl. It exits with 0 where the node on this machine is ready, else
 * with 1. It asks over HTTPS where the node speaks that, and takes any certificate: nobody is in between. It needs none
 * of its own.
 */
const isTls = Boolean(process.env.KVS_TLS_CERT)
const { get } = isTls ? await import('node:https') : await import('node:http')
const listensAt = (process.env.KVS_HOST ?? '').replace(/^\[(.*)\]$/, '$1')
const host = /^(0\.0\.0\.0|::)?$/.test(listensAt) ? '127.0.0.1' : listensAt
// The first of a list will do: the node listens on all ports or on none.
const [port] = (process.env.PORT || '8080').split(',')
const target = { host, port: Number(port), path: '/readyz', rejectUnauthorized: false }

get(target, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1)
}).on('error', ({ message }) => {
  console.error(message)
  process.exit(1)
})
