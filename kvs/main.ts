import packageJson from '../package.json' with { type: 'json' }
import { runNode } from './roles/node.ts'
import { prepareProcess } from './roles/process.ts'
import { readStart } from './roles/start.ts'

const config = await readStart(packageJson.version)
const running = prepareProcess(config)
try {
  if (config.forwardingAddress === undefined) {
    await runNode(config, running)
  } else {
    // A forwarder alone loads undici, which takes 0.1 s and 26 MB.
    const { runForwarder } = await import('./roles/forwarder.ts')
    await runForwarder(config, config.forwardingAddress, running)
  }
} catch (error) {
  running.logger.fatal(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
process.exit()
