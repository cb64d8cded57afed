import packageJson from '../package.json' with { type: 'json' }
import { readCommandLine } from './roles/command-line.ts'
import { runNode } from './roles/node.ts'
import { prepareProcess } from './roles/service-process.ts'

const config = await readCommandLine(packageJson.version)
const service = prepareProcess(config)
try {
  if (config.forwardingAddress === undefined) {
    await runNode(config, service)
  } else {
    // Imported on demand: only a forwarder needs undici, which takes 0.1 s and 26 MB.
    const { runForwarder } = await import('./roles/forwarder.ts')
    await runForwarder(config, config.forwardingAddress, service)
  }
} catch (error) {
  service.logger.fatal(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
process.exit()
