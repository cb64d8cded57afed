const version = { type: 'integer', minimum: 1 }

/** The address of a member of a ring. */
export const address = { type: 'string', examples: ['10.0.0.2:5000'] }

/** What a ring says of members that are lost. */
export const lostMembers = {
  description: 'Members that were taken out without their keys; not there for none.',
  type: 'array',
  items: {
    type: 'object',
    required: ['address', 'after', 'version'],
    properties: {
      address,
      after: { ...version, description: 'The newest version that was known then.' },
      version: { ...version, description: 'The version that took it out.' },
    },
  },
} as const

/** What a member asks another one for that decides it. */
export const removalRequest = {
  type: 'object',
  required: ['addresses', 'confirm'],
  additionalProperties: false,
  properties: {
    addresses: { type: 'array', minItems: 1, items: address },
    confirm: { type: ['integer', 'null'], description: 'The version that was confirmed; null for none.' },
  },
} as const

/** What an administrator asks for. */
export const removalForm = {
  type: 'object',
  required: ['address'],
  properties: {
    address: { ...address, description: 'The member whose log is lost, or several with commas between.' },
    confirm: { ...version, description: 'The version of the ring that the answer without it names.' },
  },
} as const
