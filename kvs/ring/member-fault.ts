import { KvsError } from '../core/errors.ts'

/** A member has answered with an error of its own, so that it is there. */
export class MemberFault extends KvsError {
  constructor(message: string) {
    super('cannot_forward', message)
  }
}
