import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** The campaigns: drills in containers, hundreds of kills, long fuzzing, images built twice. */
export default defineConfig({ test: { ...shared, include: ['test/**/*.long.test.ts'] } })
