import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { makeComposeNetwork } from '../../../../../tools/drill/stack/compose-network.ts'
import { makeDirectory } from '../../../../support/node.ts'

/**
 * A network over a docker command that fails to run anything in the container, which has another life afterwards: what
 * real Docker does in the few milliseconds of a kill can't be had at will.
 */
function networkWhere({ code, words, lifeAfter }: { code: number; words: string; lifeAfter: string }) {
  const directory = makeDirectory()
  const life = join(directory, 'life')
  writeFileSync(life, 'the first start')
  const script = `#!/bin/sh
case $1 in
  inspect) cat ${life} ;;
  exec) printf '%s' '${lifeAfter}' >${life}; echo '${words}' >&2; exit ${code} ;;
esac
`
  writeFileSync(join(directory, 'docker'), script, { mode: 0o755 })
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`)
  const options = {
    hasOthers: true,
    network: 'n',
    container: (service: string) => service,
    controlPort: 0,
    endBoundMs: 500,
  }
  return makeComposeNetwork({ node: 'kvs', ...options })
}

test.each([
  ['refuses the connection', 1, 'unable to upgrade to tcp, received 409'],
  ['can’t start the command', 126, ''],
  ['kills the command', 137, ''],
])('a rule for a container that is killed meanwhile is no failure: Docker %s', async (_, code, words) => {
  for (const lifeAfter of ['', 'the second start']) {
    await networkWhere({ code, words, lifeAfter }).drop('to postgres')
  }
})

test('a rule that fails in a container that lives on is told with the words of what failed', async () => {
  const network = networkWhere({ code: 1, words: 'iptables: no such chain', lifeAfter: 'the first start' })
  await expect(network.drop('to postgres')).rejects.toThrow('iptables: no such chain')
})
