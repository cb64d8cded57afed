/** SQL for the server's clock, in seconds. It may be set to anything, and be set anew. */
export const serverClock = 'extract(epoch FROM clock_timestamp())::double precision'
