import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scripts } from './planned.ts'

const attributes = ['tls', 'cloud-sql', 'cloud-logging', 'publish']

/** What startup.sh writes for compose, where the metadata server answers for all attributes but one. */
function settings(missing?: string) {
  const script = `
    . '${join(scripts, 'startup.sh')}' functions-only
    image=an-image
    attribute() {
      case $1 in
        '${missing ?? 'none'}') return 22 ;;
        tls) echo true ;;
        cloud-sql) echo none ;;
        cloud-logging) echo true ;;
        publish) echo 0.0.0.0:8080 ;;
      esac
    }
    settings`
  const { status, stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  return { status, lines: stdout.split('\n') }
}

test('the service has the settings that the metadata ask for', () => {
  const { status, lines } = settings()
  expect(status).toBe(0)
  expect(lines).toEqual(
    expect.arrayContaining(['KVS_TLS_CERT=/run/kvs/tls.crt', 'LOG_DRIVER=gcplogs', 'PUBLISH=0.0.0.0:8080']),
  )
})

test.each(attributes)('the attribute %s that can’t be read ends it, and is not taken for its default', (name) => {
  expect(settings(name).status).toBe(22)
})
