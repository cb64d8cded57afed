import { makeOpenApiDocument } from '../openapi/document.ts'
import type { Handle, Route } from '../route.ts'

/**
 * GET /openapi.json describes the service for programs, in OpenAPI 3.1. It is the same for everybody, and tells nothing
 * of this node.
 */
export function openApiRoute(): Route {
  const body = Buffer.from(`${JSON.stringify(makeOpenApiDocument())}\n`)
  const get: Handle = () => {
    const headers = [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(body.length),
      'X-Content-Type-Options',
      'nosniff',
      'Cache-Control',
      'no-cache',
    ]
    return { status: 200, headers, body }
  }
  return { methods: { GET: get, HEAD: get }, rights: 'open' }
}
