import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { docker } from './docker.ts'

export const balancerImage = 'haproxy:3.0'

/** As far as compose/nodes.yml needs it: Debian's package in the place of the official image, whose program it is. */
const dockerfile = `
FROM debian:trixie-slim
RUN apt-get update && apt-get install -y --no-install-recommends haproxy && rm -rf /var/lib/apt/lists/*
USER haproxy
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]
`

/** Has the balancer's image: pulled, or made where it can't be. */
export async function haveBalancer(): Promise<void> {
  const isThere = await docker(['image', 'inspect', balancerImage]).catch(() => undefined)
  if (isThere !== undefined) return
  const isPulled = await docker(['pull', '--quiet', balancerImage]).catch(() => undefined)
  if (isPulled !== undefined) return
  const build = spawn('docker', ['build', '--quiet', '--tag', balancerImage, '-'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let errors = ''
  build.stderr.on('data', (data) => (errors += data))
  build.stdin.end(dockerfile)
  const [code] = await once(build, 'exit')
  if (code !== 0) throw new Error(`the balancer’s image can’t be made: ${errors}`)
}
