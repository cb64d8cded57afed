export { makeServer } from './server.ts'
