export { type HttpOptions, makeHttpServer, makeServer } from './server.ts'
