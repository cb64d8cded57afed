import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { root } from '../../tools/lab/paths.ts'
import { prometheusImage } from './prometheus.ts'

/** Where compose/observe.yml has the files, and for those that only tests have, below it. */
const mounts = [
  `${root}compose/observe:/etc/prometheus:ro`,
  `${root}compose/observe/no-token:/run/kvs/token:ro`,
].flatMap((mount) => ['--volume', mount])

/** What promtool says, of either stream; rejects with the same where it finds fault. Works in compose/observe. */
export async function promtool(...args: string[]): Promise<string> {
  const command = ['run', '--rm', ...mounts, '--workdir', '/etc/prometheus', '--entrypoint', 'promtool']
  const { stdout, stderr } = await promisify(execFile)('docker', [...command, prometheusImage, ...args])
  return stdout + stderr
}
