import { fileURLToPath } from 'node:url'

/** The project's root directory; ends with a slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The program that a node runs. */
export const serviceProgram = `${root}kvs/main.ts`

/** Where Node keeps what it has compiled of the service, as with `npm start`: a start takes half the CPU time. */
export const compileCache = `${root}node_modules/.cache/kvs`
