import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { docker } from './docker.ts'

/** Whether an image is there, after an attempt to pull it. */
export async function canHave(image: string): Promise<boolean> {
  const isThere = await docker(['image', 'inspect', image]).catch(() => undefined)
  if (isThere !== undefined) return true
  const isPulled = await docker(['pull', '--quiet', image]).catch(() => undefined)
  return isPulled !== undefined
}

/** Has an image: pulled, or made where it can't be. */
export async function haveImage(image: string, dockerfile: string): Promise<void> {
  if (await canHave(image)) return
  const build = spawn('docker', ['build', '--quiet', '--tag', image, '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  let errors = ''
  build.stderr.on('data', (data) => (errors += data))
  build.stdin.end(dockerfile)
  const [code] = await once(build, 'exit')
  if (code !== 0) throw new Error(`the image ${image} can’t be made: ${errors}`)
}
