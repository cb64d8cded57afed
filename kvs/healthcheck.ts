import { get } from 'node:http'

/** A program of its own, for an image that has no curl: ends with 0 where the node on this machine is ready, else with 1. */
get({ host: '127.0.0.1', port: process.env.PORT || 8080, path: '/readyz' }, ({ statusCode }) => {
  process.exit(statusCode === 200 ? 0 : 1)
}).on('error', ({ message }) => {
  console.error(message)
  process.exit(1)
})
