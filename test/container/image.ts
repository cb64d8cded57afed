import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from '../../tools/lab/docker.ts'

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
  await buildFrom(dockerfile, image).catch((error) => {
    throw new Error(`the image ${image} can’t be made`, { cause: error })
  })
}

/**
 * Builds an image from a Dockerfile alone. It is in a directory: given on standard input, Docker leaves files in /tmp.
 */
export async function buildFrom(dockerfile: string, image: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'kvs-dockerfile-'))
  try {
    await writeFile(join(directory, 'Dockerfile'), dockerfile)
    await docker(['build', '--quiet', '--tag', image, directory])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
