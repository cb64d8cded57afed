const text = { type: 'string' }
const payload = {
  ...text,
  description: 'What the client has seen: the payload of the last answer, as it came. Empty for nothing.',
  examples: ['c18e0369:12,stamp:1764414733000000'],
}
const result = { enum: ['Success', 'Error'] }
const msg = { ...text, description: 'One sentence.' }

/** Parameters of queries; each may be in a form in the body as well. */
export const payloadParameters = {
  Payload: { name: 'payload', in: 'query', description: payload.description, schema: { ...text } },
  Address: {
    name: 'ip_port',
    in: 'query',
    description: 'The address of a site.',
    schema: { ...text, examples: ['10.0.0.2:8080'] },
  },
} as const

export const payloadSchemas = {
  ErrorResult: {
    type: 'object',
    required: ['result', 'msg'],
    properties: { result: { const: 'Error' }, msg, payload },
  },
  ValueForm: {
    type: 'object',
    required: ['val'],
    properties: { val: { ...text, description: 'The value; any bytes.' }, payload },
  },
  AddressForm: { type: 'object', properties: { ip_port: { ...text, examples: ['10.0.0.2:8080'] } } },
  FoundResult: {
    type: 'object',
    required: ['result', 'value', 'payload'],
    properties: { result: { const: 'Success' }, value: text, payload },
  },
  SearchResult: {
    type: 'object',
    required: ['isExists', 'result', 'payload'],
    properties: { isExists: { type: 'boolean' }, result: { const: 'Success' }, payload },
  },
  StoredResult: {
    type: 'object',
    required: ['replaced', 'msg', 'payload'],
    properties: { replaced: { type: 'boolean', description: 'Whether the key had a value.' }, msg, payload },
  },
  Result: { type: 'object', required: ['result', 'msg'], properties: { result, msg, payload } },
  View: {
    type: 'object',
    required: ['view'],
    properties: { view: { ...text, description: 'Addresses, sorted, with commas between.' } },
  },
} as const
