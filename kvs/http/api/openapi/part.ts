/** An object of an OpenAPI document, as it is written in JSON. */
export type Part = { readonly [name: string]: unknown }

/** What an operation answers with one status. */
export interface Response {
  readonly description: string
  /** By name. */
  readonly headers: Part
  /** By media type; absent for an empty body. */
  readonly content?: Part
}
