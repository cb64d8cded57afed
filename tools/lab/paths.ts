import { fileURLToPath } from 'node:url'

/** The project's root directory; ends with a slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The program that a node runs. */
export const serviceProgram = `${root}kvs/main.ts`
